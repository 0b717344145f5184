import { createHash, randomBytes } from 'node:crypto';
import { constants, lstatSync, statSync } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256, sha256File } from '../lib/digest.ts';
import { ensureDirectory } from '../lib/durable.ts';
import { errorCode, HauloutError } from '../lib/errors.ts';
import { syncTree } from '../lib/sync-tree.ts';
import type { Store, StoredObject } from './store.ts';

/** Bytes up to which an object is held in memory until it is whole: a file then costs four system calls. */
const SMALL = 64 * 1024;
/** For ledger, status and snapshot, and what stands beside them while they are written. */
const RESERVE_BYTES = 4 * 1024 * 1024;
const RESERVE_FILES = 32;

/**
 * Content that has been here, under its sha256: `objects/<sha256>`. Everything that is written to the machine comes out of
 * it, so a store that is away costs nothing, and going back to earlier content needs no network.
 */
export class ContentCache {
  readonly directory: string;
  #making: Promise<void> | undefined;

  constructor(directory: string) {
    this.directory = directory;
  }

  pathOf(digest: string): string {
    return `${this.directory}/${digest}`;
  }

  /**
   * Asked of every object at every sync, so that damage is mended before it is needed. Synchronous on purpose: ten thousand of these
   * are 50 ms, and ten times that when each goes through the thread pool.
   */
  has(digest: string, size: number): boolean {
    try {
      const found = statSync(this.pathOf(digest), { throwIfNoEntry: false });
      return found?.isFile() === true && found.size === size;
    } catch {
      return false; // law 5: a file or a loop of links where a directory belongs
    }
  }

  /** Throws when so much will not fit, with room left for what the agent has to write down: better before than half way. */
  async checkRoom(bytes: number, files: number): Promise<void> {
    await this.#makeRoom();
    const disk = await statfs(this.directory);
    const free = disk.bavail * disk.bsize;
    // Some file systems do not count inodes: all are 0 then.
    const inodes = disk.files === 0 ? Number.POSITIVE_INFINITY : disk.ffree;
    if (bytes + RESERVE_BYTES <= free && files + RESERVE_FILES <= inodes) return;
    const words =
      bytes + RESERVE_BYTES > free ? `${megabytes(bytes)}, ${megabytes(free)} are` : `${files} inodes, ${inodes} are`;
    throw new HauloutError({
      code: 'disk-full',
      step: 'bucket',
      subject: this.directory,
      reason: `what is new in the bucket needs ${words} free`,
      hint: 'make room on the instance (`df -h`, `df -i`); it is tried again at the next sync',
    });
  }

  /** Takes an object out of the store. Law 4: its length and entity tag are the listed ones, its sha256 is taken on arrival. */
  async fetch(store: Store, object: StoredObject): Promise<string> {
    return object.size > SMALL ? await this.#fetchLarge(store, object) : await this.#fetchSmall(store, object);
  }

  async #fetchSmall(store: Store, object: StoredObject): Promise<string> {
    let chunks: Buffer[] = [];
    await store.read(object, {
      restart() {
        chunks = [];
      },
      write(chunk) {
        chunks.push(chunk);
      },
    });
    const [only = Buffer.alloc(0), ...others] = chunks;
    return await this.#put(others.length === 0 ? only : Buffer.concat(chunks));
  }

  async #fetchLarge(store: Store, object: StoredObject): Promise<string> {
    return await this.#add(async (file) => {
      let at = 0;
      let digest = createHash('sha256');
      await store.read(object, {
        async restart() {
          if (at > 0) await file.truncate(0);
          at = 0;
          digest = createHash('sha256');
        },
        async write(chunk) {
          digest.update(chunk);
          await writeAll(file, chunk, at);
          at += chunk.length;
        },
      });
      return digest.digest('hex');
    });
  }

  /** Keeps bytes that are here already: a rendered template, a file that is about to be replaced. */
  async keep(bytes: Uint8Array): Promise<string> {
    const digest = sha256(bytes);
    return this.has(digest, bytes.length) ? digest : await this.#put(bytes, digest);
  }

  async #put(bytes: Uint8Array, digest = sha256(bytes)): Promise<string> {
    return await this.#add(async (file) => {
      await file.writeFile(bytes);
      return digest;
    });
  }

  /** Law 6: everything that was added is on the disk, with one call for all of it. */
  async sync(): Promise<void> {
    await syncTree(this.directory);
  }

  /** The bytes of a digest, checked again as they are read: a disk forgets too. A bad copy is removed, to be fetched anew. */
  async bytes(digest: string, limit: number): Promise<Buffer> {
    const path = this.pathOf(digest);
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile() || found.size > limit) throw missing(digest);
    const bytes = await readFile(path);
    if (sha256(bytes) !== digest) {
      await rm(path, { force: true });
      throw missing(digest);
    }
    return bytes;
  }

  /** Law 4 for readers that take a path: the file has its name's digest now. A bad copy is removed, to be fetched anew. */
  async verified(digest: string, size: number): Promise<string> {
    const path = this.pathOf(digest);
    if (this.has(digest, size) && (await sha256File(path).catch(() => '')) === digest) return path;
    await rm(path, { force: true, recursive: true });
    throw missing(digest);
  }

  /** Removes what no kept snapshot or ledger entry names, and what an interrupted write left. */
  async sweep(keep: ReadonlySet<string>): Promise<number> {
    let removed = 0;
    for (const name of await readdir(this.directory).catch(() => [])) {
      if (keep.has(name)) continue;
      await rm(join(this.directory, name), { force: true, recursive: true });
      removed++;
    }
    return removed;
  }

  /** Law 5: what stands in the way and is no directory holds nothing of ours. */
  async #makeRoom(): Promise<void> {
    if (lstatSync(this.directory, { throwIfNoEntry: false })?.isDirectory()) return;
    this.#making ??= this.#makeDirectory().finally(() => {
      this.#making = undefined;
    });
    await this.#making;
  }

  async #makeDirectory(): Promise<void> {
    const found = await lstat(this.directory).catch(() => undefined);
    if (found && !found.isDirectory()) await rm(this.directory, { force: true });
    await ensureDirectory(this.directory);
  }

  async #add(fill: (file: FileHandle) => Promise<string>): Promise<string> {
    await this.#makeRoom();
    const temporary = join(this.directory, `tmp-${randomBytes(8).toString('hex')}`);
    const file = await open(temporary, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      const digest = await fill(file);
      await file.close();
      await this.#replace(temporary, this.pathOf(digest));
      return digest;
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** A rename takes the place of everything but a directory, and a directory there is none of ours (law 5). */
  async #replace(temporary: string, path: string): Promise<void> {
    await rename(temporary, path).catch(async (error: unknown) => {
      if (errorCode(error) !== 'EISDIR') throw error;
      await rm(path, { recursive: true, force: true });
      await rename(temporary, path);
    });
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A disk that is nearly full takes a part and calls it success; only the next write says ENOSPC. */
async function writeAll(file: FileHandle, chunk: Buffer, at: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, at + done);
    done += bytesWritten;
  }
}

function missing(digest: string): HauloutError {
  return new HauloutError({
    code: 'content-missing',
    step: 'bucket',
    subject: `objects/${digest}`,
    reason: 'this content is not in the local cache, or is damaged there',
    hint: 'nothing to do: it is fetched again at the next sync',
  });
}
