import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isPlainPath } from '../bucket/listing.ts';
import { digestOf, type Snapshot, type SnapshotEntry } from '../bucket/snapshot.ts';
import { ensureDirectory, writeWhole } from '../lib/durable.ts';
import { readRegular } from '../lib/read-regular.ts';
import { emptyLedger, type Ledger, type SubjectRecord } from './ledger.ts';

/**
 * Law 5: any of these files may be missing, empty, torn or hostile. What cannot be read is put aside under `damaged/` and
 * treated as missing; the agent converges from what the machine and the bucket say.
 */
const LARGEST = 64 * 1024 * 1024;

export class StateFiles {
  readonly directory: string;
  /** A ledger that the disk would not take: what it says is still so, until this process ends. */
  #unsaved: Ledger | undefined;

  constructor(directory: string) {
    this.directory = directory;
  }

  async readLedger(instanceId: string): Promise<Ledger> {
    const found = this.#unsaved ?? (await this.#read('ledger.json', isLedger));
    return found?.instanceId === instanceId ? found : emptyLedger(instanceId);
  }

  async writeLedger(ledger: Ledger): Promise<void> {
    this.#unsaved = ledger;
    await this.#write('ledger.json', ledger);
    this.#unsaved = undefined;
  }

  /** Undefined when it is not there, or does not say what its name says. */
  async readSnapshot(digest: string): Promise<Snapshot | undefined> {
    if (!/^[0-9a-f]{64}$/.test(digest)) return undefined;
    const found = await this.#read(join('snapshots', `${digest}.json`), isSnapshot);
    return found && digestOf(found.entries) === digest ? found : undefined;
  }

  async writeSnapshot(snapshot: Snapshot): Promise<void> {
    await this.#write(join('snapshots', `${snapshot.digest}.json`), snapshot);
  }

  async readOther<T>(name: string, valid: (value: unknown) => value is T): Promise<T | undefined> {
    return await this.#read(name, valid);
  }

  async writeOther(name: string, value: unknown): Promise<void> {
    await this.#write(name, value);
  }

  /** Its directory is made where somebody deleted it, and what stands in the way is put aside, once. */
  async writeText(name: string, text: string, sync = true): Promise<void> {
    const path = join(this.directory, name);
    const write = async () => {
      await ensureDirectory(dirname(path));
      await writeWhole(path, text, { mode: 0o600, sync });
    };
    try {
      await write();
    } catch (error) {
      if (!(await this.#clearWay(path))) throw error;
      await write();
    }
  }

  async #write(name: string, value: unknown): Promise<void> {
    await this.writeText(name, `${JSON.stringify(value)}\n`);
  }

  async #read<T>(name: string, valid: (value: unknown) => value is T): Promise<T | undefined> {
    const path = join(this.directory, name);
    try {
      const bytes = await readRegular(path, LARGEST);
      const value: unknown = bytes && JSON.parse(bytes.toString('utf8'));
      if (valid(value)) return value;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    }
    await this.#putAside(path);
    return undefined;
  }

  /** A directory where a file belongs, or a file where one of our directories belongs; false: nothing of the kind. */
  async #clearWay(path: string): Promise<boolean> {
    const parent = dirname(path);
    const around = parent === this.directory ? undefined : await lstat(parent).catch(() => undefined);
    const there = await lstat(path).catch(() => undefined);
    if (around && !around.isDirectory()) await this.#putAside(parent);
    else if (there && !there.isFile()) await this.#putAside(path);
    else return false;
    return true;
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
  return isContent(content) && Object.entries(subjects).every(([subject, record]) => isRecord(record, subject));
}

function isContent({ setAside, proven, failing }: Record<string, unknown>): boolean {
  if (!isObject(setAside) || !isText(proven, true)) return false;
  const texts = (value: unknown) =>
    isObject(value) && [value['at'], value['code'], value['subject']].every((text) => isText(text));
  if (!Object.values(setAside).every(texts)) return false;
  return (
    failing === undefined || (isObject(failing) && isText(failing['digest']) && Number.isSafeInteger(failing['rounds']))
  );
}

function isRecord(value: unknown, subject: string): value is SubjectRecord {
  if (!isObject(value) || typeof value['wanted'] !== 'string') return false;
  if (!isText(value['onDisk'], true) || !isText(value['activated'], true)) return false;
  const { failures, inputs, previous, announced } = value;
  if (!isText(value['brought'], true)) return false;
  if (inputs !== undefined && !(isObject(inputs) && Object.values(inputs).every((input) => isText(input))))
    return false;
  if (previous !== undefined && !isPrevious(previous)) return false;
  if (announced !== undefined && !(REGISTRATION.test(subject) && isAnnounced(announced))) return false;
  if (failures === undefined) return true;
  if (!isObject(failures) || !isText(failures['content']) || !isText(failures['code'])) return false;
  return typeof failures['reached'] === 'boolean' && [failures['count'], failures['nextTry']].every(Number.isFinite);
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

/** Its name becomes part of paths, and its time that of a timer. */
const REGISTRATION = /^register:[a-z0-9][a-z0-9_-]{0,62}$/;
const LONGEST_TIMER = 2 ** 31 - 1;

function isAnnounced(value: unknown): boolean {
  if (!isObject(value) || !isText(value['down'], true) || !isText(value['user'])) return false;
  const { timeoutMs, period } = value;
  if (period !== undefined && !Number.isSafeInteger(period)) return false;
  return Number.isSafeInteger(timeoutMs) && Number(timeoutMs) > 0 && Number(timeoutMs) <= LONGEST_TIMER;
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
