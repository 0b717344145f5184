import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isPlainPath } from '../bucket/listing.ts';
import { makeSnapshot, type Snapshot, type SnapshotEntry } from '../bucket/snapshot.ts';
import { ensureDirectory, writeWhole } from '../lib/durable.ts';
import { emptyLedger, type Ledger, type SubjectRecord } from './ledger.ts';

/**
 * Law 5: any of these files may be missing, empty, torn or hostile. What cannot be read is put aside under `damaged/` and
 * treated as missing; the agent converges from what the machine and the bucket say.
 */
const LARGEST = 64 * 1024 * 1024;

export class StateFiles {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  async readLedger(instanceId: string): Promise<Ledger> {
    const found = await this.#read('ledger.json', isLedger);
    return found?.instanceId === instanceId ? found : emptyLedger(instanceId);
  }

  async writeLedger(ledger: Ledger): Promise<void> {
    await this.#write('ledger.json', ledger);
  }

  /** Undefined when it is not there, or does not say what its name says. */
  async readSnapshot(digest: string): Promise<Snapshot | undefined> {
    if (!/^[0-9a-f]{64}$/.test(digest)) return undefined;
    const found = await this.#read(join('snapshots', `${digest}.json`), isSnapshot);
    return found && makeSnapshot(found.entries).digest === digest ? found : undefined;
  }

  async writeSnapshot(snapshot: Snapshot): Promise<void> {
    await ensureDirectory(join(this.directory, 'snapshots'));
    await this.#write(join('snapshots', `${snapshot.digest}.json`), snapshot);
  }

  async readOther<T>(name: string, valid: (value: unknown) => value is T): Promise<T | undefined> {
    return await this.#read(name, valid);
  }

  async writeOther(name: string, value: unknown): Promise<void> {
    await this.#write(name, value);
  }

  async #write(name: string, value: unknown): Promise<void> {
    const path = join(this.directory, name);
    const text = `${JSON.stringify(value)}\n`;
    try {
      await writeWhole(path, text, { mode: 0o600 });
    } catch (error) {
      // Something that is no file stands in the way (a directory, of all things): put aside, once.
      if ((await stat(path).catch(() => undefined))?.isFile() !== false) throw error;
      await this.#putAside(path);
      await writeWhole(path, text, { mode: 0o600 });
    }
  }

  async #read<T>(name: string, valid: (value: unknown) => value is T): Promise<T | undefined> {
    const path = join(this.directory, name);
    try {
      const found = await stat(path);
      if (found.isFile() && found.size <= LARGEST) {
        const value: unknown = JSON.parse(await readFile(path, 'utf8'));
        if (valid(value)) return value;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    }
    await this.#putAside(path);
    return undefined;
  }

  async #putAside(path: string): Promise<void> {
    const damaged = join(this.directory, 'damaged');
    await mkdir(damaged, { recursive: true, mode: 0o700 }).catch(() => undefined);
    const target = join(damaged, `${basename(dirname(path))}-${basename(path)}`);
    await rm(target, { recursive: true, force: true }).catch(() => undefined);
    await rename(path, target).catch(() => rm(path, { recursive: true, force: true }).catch(() => undefined));
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isLedger(value: unknown): value is Ledger {
  if (!isObject(value) || value['schema'] !== 1 || typeof value['instanceId'] !== 'string') return false;
  const { subjects, content, upgraded } = value;
  if (!isObject(subjects) || !isObject(content) || typeof upgraded !== 'boolean') return false;
  if (!isObject(content['setAside']) || !isText(content['proven'], true)) return false;
  return Object.values(subjects).every(isRecord);
}

function isRecord(value: unknown): value is SubjectRecord {
  if (!isObject(value) || typeof value['wanted'] !== 'string') return false;
  if (!isText(value['onDisk'], true) || !isText(value['activated'], true)) return false;
  const { failures, inputs, previous } = value;
  if (inputs !== undefined && !(isObject(inputs) && Object.values(inputs).every((input) => isText(input))))
    return false;
  if (previous !== undefined && !isPrevious(previous)) return false;
  if (failures === undefined) return true;
  if (!isObject(failures) || !isText(failures['content']) || !isText(failures['code'])) return false;
  return [failures['count'], failures['nextTry']].every(Number.isFinite);
}

function isPrevious(value: unknown): boolean {
  if (!isObject(value)) return false;
  if (value['kind'] === 'absent') return true;
  if (value['kind'] === 'link') return isText(value['target']);
  const numbers = [value['size'], value['mode'], value['uid'], value['gid']];
  return (
    value['kind'] === 'file' && isDigest(value['sha256']) && numbers.every((number) => Number.isSafeInteger(number))
  );
}

function isSnapshot(value: unknown): value is Snapshot {
  if (!isObject(value) || !isDigest(value['digest'])) return false;
  const { entries } = value;
  return Array.isArray(entries) && entries.every(isEntry);
}

function isEntry(value: unknown): value is SnapshotEntry {
  if (!isObject(value)) return false;
  const { path, size, sha256, mode, etag } = value;
  return (
    isText(path) &&
    isPlainPath(path) &&
    isText(etag) &&
    isDigest(sha256) &&
    Number.isSafeInteger(size) &&
    Number.isSafeInteger(mode)
  );
}

function isText(value: unknown, optional = false): value is string {
  return typeof value === 'string' || (optional && value === undefined);
}

function isDigest(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}
