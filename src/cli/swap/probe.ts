import { HauloutError } from '../../lib/errors.ts';
import { type ProbeResult, probe } from '../../services/probe.ts';

/** `tcp:80`, or a URL with `{address}` where the address belongs. */
export function checkProbe(text: string): void {
  if (
    /^tcp:[1-9]\d{0,4}$/.test(text) ||
    (/^https?:\/\//.test(text) && URL.canParse(text.replace(ADDRESS, '192.0.2.1')))
  )
    return;
  throw new HauloutError({
    code: 'usage',
    step: 'swap',
    subject: '--probe',
    reason: 'this is no probe',
    hint: 'write --probe http://{address}/, --probe tcp:80, or --probe none',
  });
}

export function probeThrough(publicIp: string, text: string): Promise<ProbeResult> {
  if (text.startsWith('tcp:')) return probe({ kind: 'tcp', port: Number(text.slice(4)) }, publicIp);
  return probe({ kind: 'url', url: text.replace(ADDRESS, publicIp) });
}

const ADDRESS = '{address}';
