import http from 'node:http';
import https from 'node:https';
import { connect } from 'node:net';
import type { Check } from '../spec/spec.ts';

/** One look at a service. `reason` is made of our own words and numbers only. */
export type ProbeResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly output: string };

const LIMIT_MS = 5_000;
const OK: ProbeResult = { ok: true };

/** A URL answers 2xx or 3xx (a redirection is not followed: it is an answer), or a port accepts: of this machine, if none is named. */
export function probe(check: Check, host = '127.0.0.1'): Promise<ProbeResult> {
  return check.kind === 'url' ? probeUrl(check.url) : probeTcp(check.port, host);
}

export function bad(reason: string, output = ''): ProbeResult {
  return { ok: false, reason, output };
}

function probeUrl(url: string): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const secure = url.startsWith('https:');
    // What is asked is whether this machine serves; its certificate is for another name than 127.0.0.1.
    const options = {
      agent: false,
      headers: { 'user-agent': 'haulout' },
      ...(secure ? { rejectUnauthorized: false } : {}),
    };
    const request = (secure ? https : http).get(url, options, (response) => {
      const status = response.statusCode ?? 0;
      finish(status >= 200 && status < 400 ? OK : bad(`the check URL answered ${status}`));
    });
    const deadline = setTimeout(
      () => finish(bad(`the check URL did not answer within ${LIMIT_MS / 1_000} s`)),
      LIMIT_MS,
    );
    request.on('error', (error: NodeJS.ErrnoException) =>
      finish(bad(`the check URL cannot be reached (${error.code})`)),
    );
    const finish = (result: ProbeResult) => {
      clearTimeout(deadline);
      resolve(result);
      request.destroy();
    };
  });
}

function probeTcp(port: number, host: string): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const finish = (result: ProbeResult) => {
      clearTimeout(deadline);
      resolve(result);
      socket.destroy();
    };
    const deadline = setTimeout(
      () => finish(bad(`port ${port} did not answer within ${LIMIT_MS / 1_000} s`)),
      LIMIT_MS,
    );
    socket.once('connect', () => finish(OK));
    socket.on('error', (error: NodeJS.ErrnoException) => finish(bad(`port ${port} refused (${error.code})`)));
  });
}
