import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../lib/digest.ts';
import { temporaryBeside } from '../../lib/durable.ts';
import type { Log } from '../../lib/log.ts';

export interface CachedFile {
  readonly file: FileHandle;
  readonly size: number;
}

export function defaultCacheDirectory(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'haulout', 'packages');
}

/**
 * Package files by their URL. Only those whose content never changes under one name are worth keeping; apt checks every byte of
 * them against signed indexes, so this may be lost without harm. What is wrong in it would be refused for ever: a page that some
 * network put in the place of a package is not kept.
 */
export class PackageCache {
  readonly #directory: string;
  readonly #limit: number;
  readonly #log: Log;
  #pruning: Promise<void> = Promise.resolve();

  constructor(directory: string, limitBytes: number, log: Log) {
    this.#directory = directory;
    this.#limit = limitBytes;
    this.#log = log;
  }

  /** The URL without its query; `.deb` names hold the version, by-hash names the content's digest. */
  static keeps(url: URL): boolean {
    return (
      url.search === '' && (/\.u?deb$/.test(url.pathname) || /\/by-hash\/[A-Za-z0-9]+\/[0-9a-f]+$/.test(url.pathname))
    );
  }

  async find(url: URL): Promise<CachedFile | undefined> {
    const file = await open(this.#path(url), 'r').catch(() => undefined);
    if (file === undefined) return undefined;
    return { file, size: (await file.stat()).size };
  }

  /** A file in the making; undefined when the cache cannot be written, which stops nobody. */
  async add(url: URL, size: number): Promise<Incoming | undefined> {
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o755 });
      const path = this.#path(url);
      const temporary = temporaryBeside(path);
      const expected = { temporary, path, size, sha256: digestIn(url), start: startOf(url) };
      return new Incoming(await open(temporary, 'wx', 0o644), expected, () => this.#prune());
    } catch (error) {
      this.#log.debug(`package cache: ${String(error)}`);
      return undefined;
    }
  }

  #path(url: URL): string {
    return join(this.#directory, sha256(url.href));
  }

  /** One at a time: two would both remove what is too much for one. */
  #prune(): Promise<void> {
    this.#pruning = this.#pruning.then(() => prune(this.#directory, this.#limit)).catch(() => undefined);
    return this.#pruning;
  }
}

function digestIn(url: URL): string | undefined {
  return /\/by-hash\/SHA256\/([0-9a-f]{64})$/.exec(url.pathname)?.[1];
}

/** As each Debian package begins: deb(5). */
function startOf(url: URL): string {
  return /\.u?deb$/.test(url.pathname) ? '!<arch>\n' : '';
}

interface Expected {
  readonly temporary: string;
  readonly path: string;
  readonly size: number;
  readonly sha256: string | undefined;
  readonly start: string;
}

/** Becomes a cached file only when it has come whole. */
export class Incoming {
  readonly #file: FileHandle;
  readonly #expected: Expected;
  readonly #stored: () => Promise<void>;
  readonly #hash: Hash = createHash('sha256');
  #size = 0;
  #start = '';

  constructor(file: FileHandle, expected: Expected, stored: () => Promise<void>) {
    this.#file = file;
    this.#expected = expected;
    this.#stored = stored;
  }

  async write(chunk: Buffer): Promise<void> {
    const missing = this.#expected.start.length - this.#start.length;
    if (missing > 0) this.#start += chunk.toString('latin1', 0, missing);
    this.#hash.update(chunk);
    // A full disk stops nobody: what did not fit is missing in the size.
    this.#size += await this.#file.writeFile(chunk).then(
      () => chunk.length,
      () => 0,
    );
  }

  async finish(): Promise<void> {
    await this.#file.close();
    const { temporary, path, size, sha256: digest, start } = this.#expected;
    const whole = this.#size === size && (digest === undefined || digest === this.#hash.digest('hex'));
    if (!whole || this.#start !== start) return rm(temporary, { force: true });
    await rename(temporary, path);
    await this.#stored();
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await rm(this.#expected.temporary, { force: true });
  }
}

const ABANDONED_MS = 3_600_000;

/** Removes the oldest files until the rest fits, and what a killed process left half-written. */
async function prune(directory: string, limit: number): Promise<void> {
  const files: { path: string; size: number; time: number }[] = [];
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const status = await stat(path).catch(() => undefined);
    if (!status?.isFile()) continue;
    if (/^[0-9a-f]{64}$/.test(name)) files.push({ path, size: status.size, time: status.mtimeMs });
    else if (Date.now() - status.mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
  files.sort((a, b) => b.time - a.time);
  let total = 0;
  for (const { path, size } of files) {
    total += size;
    if (total > limit) await rm(path, { force: true });
  }
}
