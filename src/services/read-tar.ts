import type { Parser, ReadEntry } from 'tar';
import type { Piece } from './archive.ts';
import { tarBytes } from './decompress.ts';
import { type Budget, type Limits, Refusal, show } from './image-policy.ts';

/** Magic numbers at which the tar package would unpack a second time, behind the back of our counter. */
const PACKED = [Buffer.from([0x1f, 0x8b]), Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), Buffer.from('BZh')];

/**
 * A tar archive as pieces. The package only parses: it hands out entries synchronously, so what one chunk of bytes
 * holds is a short list, written out before the next chunk is looked at.
 */
export async function* readTar(
  path: string,
  format: 'tar' | 'gzip' | 'bzip2',
  limits: Limits,
  budget: Budget,
): AsyncGenerator<Piece> {
  const { Parser } = await import('tar');
  const reader = new TarReader(new Parser({ strict: true }), limits);
  let first = true;
  for await (const chunk of tarBytes(path, format)) {
    budget.spend(chunk.length);
    if (first && PACKED.some((magic) => chunk.subarray(0, magic.length).equals(magic))) {
      throw new Refusal('is packed in another way than its name says', 'name it .tgz, .tar.bz2 or .tar as it is');
    }
    first = false;
    yield* reader.feed(chunk);
  }
  yield* reader.finish();
}

class TarReader {
  readonly #parser: Parser;
  readonly #limits: Limits;
  #pieces: Piece[] = [];
  #fault: Error | undefined;
  #ended = false;
  #metadata = 0;

  constructor(parser: Parser, limits: Limits) {
    this.#parser = parser;
    this.#limits = limits;
    parser.on('entry', (entry: ReadEntry) => this.#guard(() => this.#entry(entry)));
    parser.on('ignoredEntry', (entry: ReadEntry) => this.#guard(() => refuseType(entry)));
    parser.on('meta', (text: string) => this.#guard(() => this.#meta(text)));
    parser.on('error', (error: Error) => this.#guard(() => refuseBytes(error)));
    parser.on('eof', () => {
      this.#ended = true;
    });
  }

  feed(chunk: Buffer): Piece[] {
    // After its end mark the parser would only hoard what follows.
    if (!this.#ended) this.#parser.write(chunk);
    return this.#take();
  }

  finish(): Piece[] {
    this.#parser.end();
    const pieces = this.#take();
    if (!this.#ended) throw new Refusal('ends before its end mark', 'upload the archive again, it is cut off');
    return pieces;
  }

  #take(): Piece[] {
    if (this.#fault !== undefined) throw this.#fault;
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  /** The parser's events have no one to catch what their listeners throw; the first fault is kept for `#take`. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fault ??= error as Error;
    }
  }

  #entry(entry: ReadEntry): void {
    if (entry.type === 'Directory') {
      this.#pieces.push({ kind: 'directory', name: entry.path });
      entry.resume();
      return;
    }
    if ((entry.type !== 'File' && entry.type !== 'OldFile') || entry.linkpath) refuseType(entry);
    this.#pieces.push({ kind: 'file', name: entry.path, executable: ((entry.mode ?? 0) & 0o111) !== 0 });
    let received = 0;
    entry.on('data', (chunk: Buffer) => {
      received += chunk.length;
      this.#pieces.push({ kind: 'data', chunk });
    });
    entry.on('end', () => {
      if (received !== entry.size) this.#guard(() => refuseSize(entry));
      this.#pieces.push({ kind: 'end' });
    });
  }

  #meta(text: string): void {
    this.#metadata += text.length;
    if (this.#metadata > this.#limits.metadataBytes) throw new Refusal('holds too much metadata');
    if (/GNU\.sparse\./.test(text)) throw new Refusal('holds a sparse file');
    if (text.replace(/\0+$/, '').includes('\0')) throw new Refusal('has a NUL character in a name');
  }
}

const LINKS = 'put a copy of the file in its place: links are not unpacked';

function refuseType(entry: ReadEntry): never {
  if (entry.meta) throw new Refusal('has a header that is too large');
  const what = String(entry.type ?? 'Unsupported')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
  throw new Refusal(`entry ${show(entry.path)} is not a file or a directory (${what})`, LINKS);
}

function refuseSize(entry: ReadEntry): never {
  throw new Refusal(`entry ${show(entry.path)} is not as long as its header says`, 'upload the archive again');
}

function refuseBytes(error: Error): never {
  throw new Refusal(`is not a well-formed tar archive: ${show(error.message)}`, 'repack it, or upload it again');
}
