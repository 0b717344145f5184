import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Owner } from './image-tree.ts';

const KEPT = 65_536;
const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

/** What one call adds to a log that outlives it. */
export class OutputFile {
  readonly #file: FileHandle;
  readonly #from: number;

  private constructor(file: FileHandle, from: number) {
    this.#file = file;
    this.#from = from;
  }

  static async open(path: string, owner: Owner): Promise<OutputFile> {
    const file = await open(path, APPEND, 0o600);
    const found = await file.stat();
    if (!found.isFile()) {
      await file.close();
      throw new Error(`${path} is no file`); // a pipe that nobody reads would hold the service at its first words
    }
    await file.chown(owner.uid, owner.gid); // so that the service may open /dev/stdout
    return new OutputFile(file, found.size);
  }

  async tail(): Promise<Buffer> {
    const { size } = await this.#file.stat();
    const from = Math.max(Math.min(this.#from, size), size - KEPT);
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(size - from), 0, size - from, from);
    return buffer.subarray(0, bytesRead);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
