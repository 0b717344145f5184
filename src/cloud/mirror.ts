import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import type { S3Endpoint } from './s3/server.ts';

export interface MirrorChange {
  readonly key: string;
  readonly what: 'uploaded' | 'deleted';
}

/** A directory of the desk held as a prefix of a bucket: an edit is an upload, a removal a delete. */
export class Mirror {
  readonly #s3: S3Endpoint;
  readonly #directory: string;
  readonly #bucket: string;
  readonly #prefix: string;
  /** What was uploaded, as it stood then. */
  readonly #uploaded = new Map<string, string>();
  #watcher: FSWatcher | undefined;
  #queue: Promise<void> = Promise.resolve();

  constructor(s3: S3Endpoint, directory: string, bucket: string, prefix: string) {
    this.#s3 = s3;
    this.#directory = directory;
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  /** Uploads all there is. Resolves with the number of objects. */
  async fill(): Promise<number> {
    let count = 0;
    for (const path of await this.#files()) if (await this.#upload(path)) count++;
    return count;
  }

  /** From now on, each change goes to the bucket, in order. `onChange` hears of it after it is there. */
  async watch(onChange: (change: MirrorChange) => void): Promise<void> {
    const watcher = watch(this.#directory, {
      ignoreInitial: true,
      ignored: (path) => this.#isNoise(path),
      awaitWriteFinish: { stabilityThreshold: 100, pollInterval: 20 },
    });
    this.#watcher = watcher;
    const then = (action: () => Promise<void>) => {
      this.#queue = this.#queue.then(action).catch(() => undefined);
    };
    const add = (path: string) =>
      then(async () => {
        if (await this.#upload(path)) onChange({ key: this.#key(path), what: 'uploaded' });
      });
    const remove = (path: string) =>
      then(async () => {
        this.#uploaded.delete(path);
        if (await this.#s3.delete(this.#bucket, this.#key(path))) onChange({ key: this.#key(path), what: 'deleted' });
      });
    watcher.on('add', add).on('change', add).on('unlink', remove);
    await new Promise<void>((resolve) => watcher.once('ready', () => resolve()));
    // What changed between the upload of all and this moment nobody watched.
    const files = await this.#files();
    for (const path of files) add(path);
    for (const path of this.#uploaded.keys()) if (!files.includes(path)) remove(path);
  }

  async close(): Promise<void> {
    await this.#watcher?.close();
    await this.#queue;
  }

  async #files(): Promise<string[]> {
    const entries = await readdir(this.#directory, { recursive: true, withFileTypes: true });
    return entries.map((entry) => join(entry.parentPath, entry.name)).filter((path) => !this.#isNoise(path));
  }

  /** Whether there was something new to upload. */
  async #upload(path: string): Promise<boolean> {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    if (!found?.isFile()) return false;
    const print = `${found.ino}-${found.size}-${found.mtimeNs}`;
    if (this.#uploaded.get(path) === print) return false;
    await this.#s3.put(this.#bucket, this.#key(path), { file: path });
    this.#uploaded.set(path, print);
    return true;
  }

  #key(path: string): string {
    const inside = relative(this.#directory, path).split(sep).join('/');
    return this.#prefix === '' ? inside : `${this.#prefix}/${inside}`;
  }

  /** What editors and version control leave beside the files. */
  #isNoise(path: string): boolean {
    const inside = relative(this.#directory, path);
    return inside.split(sep).includes('.git') || /(~|\.sw[px])$/.test(inside);
  }
}
