import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, openSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { replaceWhole } from '../../lib/durable.ts';

/** Bytes at rest. The file's name is chance: no key of a client ever becomes a path. */
export interface Content {
  readonly file: string;
  readonly size: number;
  readonly md5: string;
}

/** Both ends included, as in a Range header. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** The files that hold the contents, in a directory of their own under the one that was given. */
export class ContentFiles {
  readonly #parent: string;
  readonly #madeParent: boolean;
  readonly #directory: string;

  constructor(parent: string) {
    this.#parent = resolve(parent);
    this.#madeParent = !existsSync(this.#parent);
    mkdirSync(this.#parent, { recursive: true, mode: 0o700 });
    this.#directory = mkdtempSync(join(this.#parent, 's3-'));
  }

  /** When `source` throws, nothing is left behind. */
  async write(source: AsyncIterable<Uint8Array>): Promise<Content> {
    const file = join(this.#directory, randomBytes(16).toString('hex'));
    const md5 = createHash('md5');
    let size = 0;
    // Not synced: the contents live no longer than this process.
    await replaceWhole(file, { mode: 0o600, sync: false }, async (handle) => {
      for await (const chunk of source) {
        md5.update(chunk);
        size += chunk.length;
        await handle.writeFile(chunk);
      }
    });
    return { file, size, md5: md5.digest('hex') };
  }

  /** Opens at once: a content that is discarded in the next moment can still be read to its end. */
  read(content: Content, range: ByteRange = { first: 0, last: content.size - 1 }): Readable {
    if (content.size === 0) return Readable.from([]);
    return createReadStream('', { fd: openSync(content.file, 'r'), start: range.first, end: range.last });
  }

  async discard(content: Content): Promise<void> {
    await rm(content.file, { force: true });
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
    // Fails where somebody else put something there, and then it is not ours to remove.
    if (this.#madeParent) await rmdir(this.#parent).catch(() => undefined);
  }
}
