import { gzipSync } from 'node:zlib';
import { sha256 } from '../lib/digest.ts';

export const FORMATS = ['raw', 'gzip', 'mime'] as const;
export type UserdataFormat = (typeof FORMATS)[number];

/** User-data in the form a platform wants it: the same script gives the same bytes. */
export function formatUserdata(script: string, format: UserdataFormat): Buffer {
  if (format === 'gzip') return gzip(script);
  if (format === 'mime') return mime(script);
  return Buffer.from(script);
}

const OPERATING_SYSTEM = 9;

/**
 * The same bytes give the same: Node writes no time into the header; the operating system's number is made "unknown".
 * cloud-init unpacks one level of it.
 */
export function gzip(content: string | Uint8Array): Buffer {
  const packed = gzipSync(content, { level: 9 });
  packed[OPERATING_SYSTEM] = 255;
  return packed;
}

/**
 * For AWS Batch, EKS and others that join parts of their own to ours. The part's name gives cloud-init a `.js` to write. What holds
 * where nothing is said (7bit, US-ASCII) is not said: each byte counts.
 */
function mime(script: string): Buffer {
  const boundary = `haulout-${sha256(script).slice(0, 16)}`;
  return Buffer.from(
    [
      `Content-Type: multipart/mixed; boundary="${boundary}"`,
      'MIME-Version: 1.0',
      '',
      `--${boundary}`,
      'Content-Type: text/x-shellscript',
      'Content-Disposition: attachment; filename="bootstrap.js"',
      '',
      script,
      `--${boundary}--`,
      '',
    ].join('\n'),
  );
}
