import { gunzipSync } from 'node:zlib';

/** The script cloud-init would run, or why it would run none. */
export type Script =
  | { readonly kind: 'script'; readonly bytes: Buffer }
  | { readonly kind: 'none'; readonly why: string };

const LARGEST = 16 * 1024 * 1024;

/** What cloud-init makes of user-data: gunzipped, the first text/x-shellscript part of a MIME archive, or a file that starts with #!. */
export function scriptOf(userData: Uint8Array | undefined): Script {
  if (userData === undefined || userData.length === 0) return { kind: 'none', why: 'there is no user-data' };
  const bytes = plain(Buffer.from(userData));
  const head = bytes.subarray(0, 200).toString('latin1');
  if (/^(content-type|mime-version):/i.test(head)) return shellPart(bytes);
  if (head.startsWith('#!')) return { kind: 'script', bytes };
  return {
    kind: 'none',
    why: `user-data of this kind is not run by the local cloud: ${JSON.stringify(firstLine(head))}`,
  };
}

function plain(bytes: Buffer): Buffer {
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, { maxOutputLength: LARGEST }) : bytes;
}

function firstLine(text: string): string {
  return text.split('\n')[0]!.slice(0, 40);
}

function shellPart(message: Buffer): Script {
  const { headers, body } = split(message.toString('latin1'));
  const boundary = /boundary="?([^";\r\n]+)"?/i.exec(headers)?.[1];
  const parts = boundary === undefined ? [] : body.split(`--${boundary}`).slice(1, -1);
  for (const part of parts) {
    const inner = split(part.replace(/^\r?\n/, ''));
    if (/content-type:\s*text\/x-shellscript/i.test(inner.headers)) return { kind: 'script', bytes: decoded(inner) };
  }
  return { kind: 'none', why: 'the MIME archive holds no text/x-shellscript part' };
}

interface Part {
  readonly headers: string;
  readonly body: string;
}

function split(text: string): Part {
  const blank = /\r?\n\r?\n/.exec(text);
  if (!blank) return { headers: text, body: '' };
  return { headers: text.slice(0, blank.index), body: text.slice(blank.index + blank[0].length) };
}

function decoded(part: Part): Buffer {
  const isBase64 = /content-transfer-encoding:\s*base64/i.test(part.headers);
  return Buffer.from(part.body, isBase64 ? 'base64' : 'latin1');
}
