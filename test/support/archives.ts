import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import yazl from 'yazl';

export interface TarEntry {
  readonly name: string | Buffer;
  /** The type byte; '0' is a file, '5' a directory, '1' a hard link, '2' a symbolic link ... Default by content. */
  readonly type?: string;
  readonly content?: string | Buffer;
  readonly mode?: number;
  readonly link?: string;
  /** What the header says, when it lies. */
  readonly size?: number | string;
  readonly prefix?: string;
}

/** A tar archive made by hand: nothing stops it from being wrong. */
export function tar(entries: readonly TarEntry[], end: 'marked' | 'cut' = 'marked'): Buffer {
  return Buffer.concat([...entries.map(tarEntry), Buffer.alloc(end === 'marked' ? 1024 : 0)]);
}

function tarEntry(entry: TarEntry): Buffer {
  const content = Buffer.from(entry.content ?? '');
  const header = Buffer.alloc(512);
  Buffer.from(entry.name).copy(header, 0, 0, 100);
  header.write(octal(entry.mode ?? 0o644, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(typeof entry.size === 'string' ? entry.size : octal(entry.size ?? content.length, 12), 124);
  header.write(octal(0, 12), 136);
  header.write(entry.type ?? '0', 156);
  header.write(entry.link ?? '', 157);
  header.write('ustar\u000000', 257);
  header.write(entry.prefix ?? '', 345);
  header.write(' '.repeat(8), 148);
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      7,
    )}\0 `,
    148,
    8,
    'latin1',
  );
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}`;

/** A pax header for the next entry (or, `g`, for all that follow). */
export function pax(records: Readonly<Record<string, string>>, type: 'x' | 'g' = 'x'): TarEntry {
  const content = Object.entries(records).map(([key, value]) => paxRecord(key, value));
  return { name: 'PaxHeader/x', type, content: content.join('') };
}

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest) + 1;
  while (Buffer.byteLength(String(length) + rest) !== length) length++;
  return length + rest;
}

export interface ZipFileEntry {
  readonly name: string;
  readonly content?: string | Buffer;
  readonly mode?: number;
  readonly stored?: boolean;
}

/** A well-formed zip archive; what is wrong with it is patched in afterwards. */
export async function zip(entries: readonly ZipFileEntry[]): Promise<Buffer> {
  const file = new yazl.ZipFile();
  for (const entry of entries) {
    const options = { mode: entry.mode ?? 0o100644, mtime: new Date(2020, 0, 1), compress: entry.stored !== true };
    if (entry.name.endsWith('/')) file.addEmptyDirectory(entry.name, { mode: entry.mode ?? 0o040755 });
    else file.addBuffer(Buffer.from(entry.content ?? ''), entry.name, options);
  }
  file.end();
  return buffer((file.outputStream as NodeJS.ReadableStream).pipe(new PassThrough()));
}

/** The same bytes with every `from` made `to`: names in a zip stand in two places. */
export function patched(bytes: Buffer, from: string, to: string, only?: 'first' | 'last'): Buffer {
  const copy = Buffer.from(bytes);
  const needle = Buffer.from(from, 'latin1');
  const places: number[] = [];
  for (let at = copy.indexOf(needle); at >= 0; at = copy.indexOf(needle, at + 1)) places.push(at);
  const chosen = only === undefined ? places : [only === 'first' ? places[0]! : places.at(-1)!];
  for (const at of chosen) copy.write(to, at, 'latin1');
  return copy;
}

/** Where the central directory's header of the nth entry begins. */
export function centralHeader(bytes: Buffer, index = 0): number {
  let at = -1;
  for (let n = 0; n <= index; n++) at = bytes.indexOf(Buffer.from('PK\u0001\u0002'), at + 1);
  return at;
}
