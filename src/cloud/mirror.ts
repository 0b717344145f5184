import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import type { S3Endpoint } from './s3/server.ts';

/** A directory of the desk held as a prefix of a bucket: an edit is an upload, a removal a delete. */
export class Mirror {
  readonly #s3: S3Endpoint;
  readonly #directory: string;
  readonly #bucket: string;
  readonly #prefix: string;
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
    const entries = await readdir(this.#directory, { recursive: true, withFileTypes: true });
    const files = entries.map((entry) => join(entry.parentPath, entry.name)).filter((path) => !isOurs(path));
    let count = 0;
    for (const path of files) if (await this.#upload(path)) count++;
    return count;
  }

  /** From now on, each change goes to the bucket, in order. `onChange` hears of it after it is there. */
  async watch(
    onChange: (change: { readonly key: string; readonly what: 'uploaded' | 'deleted' }) => void,
  ): Promise<void> {
    const watcher = watch(this.#directory, {
      ignoreInitial: true,
      awaitWriteFinish: { stabilityThreshold: 100, pollInterval: 20 },
    });
    this.#watcher = watcher;
    const then = (action: () => Promise<void>) => {
      this.#queue = this.#queue.then(action).catch(() => undefined);
    };
    const uploaded = (path: string) =>
      then(async () => {
        if (await this.#upload(path)) onChange({ key: this.#key(path), what: 'uploaded' });
      });
    watcher.on('add', uploaded).on('change', uploaded);
    watcher.on('unlink', (path) =>
      then(async () => {
        if (await this.#s3.delete(this.#bucket, this.#key(path))) onChange({ key: this.#key(path), what: 'deleted' });
      }),
    );
    await new Promise<void>((resolve) => watcher.once('ready', () => resolve()));
  }

  async close(): Promise<void> {
    await this.#watcher?.close();
    await this.#queue;
  }

  async #upload(path: string): Promise<boolean> {
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile()) return false;
    await this.#s3.put(this.#bucket, this.#key(path), { file: path });
    return true;
  }

  #key(path: string): string {
    const inside = relative(this.#directory, path).split(sep).join('/');
    return this.#prefix === '' ? inside : `${this.#prefix}/${inside}`;
  }
}

/** What editors and version control leave beside the files. */
function isOurs(path: string): boolean {
  return path.split(sep).some((part) => part === '.git') || /(~|\.swp)$/.test(path);
}
