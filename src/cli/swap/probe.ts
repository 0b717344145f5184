import got, { RequestError } from 'got';
import { HauloutError } from '../../lib/errors.ts';
import { bad, type ProbeResult, probe } from '../../services/probe.ts';

const ADDRESS = '{address}';
const LIMIT_MS = 5_000;

/** `tcp:80`, or a URL with `{address}` where the address belongs. */
export function checkProbe(text: string): void {
  const isUrl = /^https?:\/\//.test(text) && URL.canParse(text.replace(ADDRESS, '192.0.2.1'));
  if (isUrl || /^tcp:[1-9]\d{0,4}$/.test(text)) return;
  throw new HauloutError({
    code: 'usage',
    step: 'swap',
    subject: '--probe',
    reason: 'this is no probe',
    hint: 'write --probe http://{address}/, --probe tcp:80, or --probe none',
  });
}

/** One question through the address: a URL answers 2xx or 3xx, a port accepts. */
export async function probeThrough(publicIp: string, text: string): Promise<ProbeResult> {
  if (text.startsWith('tcp:')) return await probe({ kind: 'tcp', port: Number(text.slice(4)) }, publicIp);
  try {
    const { statusCode } = await got(text.replace(ADDRESS, publicIp), HOW);
    return statusCode < 400 ? { ok: true } : bad(`the URL answered ${statusCode}`);
  } catch (error) {
    return bad(`the URL cannot be reached (${error instanceof RequestError ? error.code : 'no answer'})`);
  }
}

/**
 * What is asked is whether the machine serves: a redirection is an answer, and its certificate is for a name, not for an address. Each question
 * is a connection of its own, as a stranger's would be, and asked once: the swap asks again.
 */
const HOW = {
  timeout: { request: LIMIT_MS },
  retry: { limit: 0 },
  throwHttpErrors: false,
  followRedirect: false,
  https: { rejectUnauthorized: false },
  headers: { 'user-agent': 'haulout' },
} as const;
