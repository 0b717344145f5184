import type { Report } from './report.ts';

const MOST_BYTES = 1024 * 1024;

/** The file as text without its byte order mark; undefined, with the mistake reported, when it is no text at all. */
export function readText(input: string | Uint8Array, report: Report): string | undefined {
  const refuse = (line: number, what: string, instead: string) => {
    report.mistake(report.place(line, 1), what, instead);
    return undefined;
  };
  const bytes = typeof input === 'string' ? Buffer.byteLength(input) : input.length;
  if (bytes > MOST_BYTES)
    return refuse(1, 'the file is larger than 1 MiB', 'keep large content under root/ or services/');
  if (typeof input !== 'string' && isUtf16(input))
    return refuse(1, 'the file is UTF-16, not UTF-8', 'save it as UTF-8, without a byte order mark');
  const text = typeof input === 'string' ? input : new TextDecoder('utf-8', { ignoreBOM: true }).decode(input);
  if (typeof input !== 'string' && !isUtf8(input)) {
    const line = text.slice(0, text.indexOf('\ufffd')).split('\n').length;
    return refuse(line, 'the file is not UTF-8 text', 'save it as UTF-8, without a byte order mark');
  }
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function isUtf16(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}
