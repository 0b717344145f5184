import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readlink, rename, rm, symlink, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ContentCache } from '../bucket/cache.ts';
import type { PreviousFile } from '../ledger/ledger.ts';
import { stageWhole, temporaryBeside } from '../lib/durable.ts';
import { errorCode, HauloutError } from '../lib/errors.ts';
import { type Parent, withParent } from '../lib/parent.ts';
import type { OwnerNames, Step } from '../plan/step.ts';
import type { Accounts } from './accounts.ts';

/** A file that is ready beside its target. */
export interface Staged {
  /** One rename: who looks sees the old file or the new one. */
  commit(): Promise<void>;
  discard(): Promise<void>;
}

interface FileContent {
  readonly sha256: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const THIS_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Without waiting: a pipe that somebody puts there in this very moment must not hold us. */
const THIS_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Writes below one root. Every path goes through `withParent`; every file is whole, with its mode from the first instant. */
export class FileWriter {
  readonly #root: string;
  readonly #cache: ContentCache;

  constructor(root: string, cache: ContentCache) {
    this.#root = root;
    this.#cache = cache;
  }

  async write(step: Extract<Step, { do: 'write-file' }>, accounts: Accounts): Promise<void> {
    await (await this.stage(step, accounts)).commit();
  }

  /**
   * All that can go wrong with a file goes wrong here, before anybody sees it: its owner is known, nothing that is not ours is
   * in its place, its bytes are the right ones and the disk holds them.
   */
  async stage(step: Extract<Step, { do: 'write-file' }>, accounts: Accounts): Promise<Staged> {
    const owner = ownerIds(step.owner, accounts, step.subject);
    return await this.#stage(step.path, { ...step, ...owner });
  }

  /** The same for what has no content: a link or a removal that will be refused is refused before anything is swapped. */
  async check(path: string): Promise<void> {
    await this.#at(path, true, ({ directory, name }) => refuseDirectory(directory, name, path));
  }

  async makeDirectory(step: Extract<Step, { do: 'make-directory' }>, accounts: Accounts): Promise<void> {
    const { uid, gid } = ownerIds(step.owner, accounts, step.subject);
    await this.#at(step.path, true, async ({ directory, name }) => {
      const path = join(directory, name);
      await mkdir(path, { mode: 0o700 }).catch((error) => {
        if (error.code !== 'EEXIST') throw error;
      });
      const handle = await open(path, THIS_DIRECTORY).catch(() => undefined);
      if (!handle) throw inTheWay(step.subject, 'something that is no directory');
      try {
        await handle.chown(uid, gid);
        await handle.chmod(step.mode);
      } finally {
        await handle.close();
      }
    });
  }

  async link(path: string, target: string): Promise<void> {
    await this.#at(path, true, async ({ directory, name, handle }) => {
      await refuseDirectory(directory, name, path);
      const temporary = temporaryBeside(join(directory, name));
      await symlink(target, temporary);
      try {
        await rename(temporary, join(directory, name));
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      await handle.sync();
    });
  }

  async remove(path: string): Promise<void> {
    await this.#at(path, false, async ({ directory, name, handle }) => {
      await unlink(join(directory, name)).catch((error) => {
        if (error.code !== 'ENOENT') throw error;
      });
      await handle.sync();
    }).catch((error) => {
      if (errorCode(error) !== 'ENOENT') throw error; // its directory is gone, and it with it
    });
  }

  /** What stands at a path now, its content kept in the cache, so that `restore` can put it back without a network. */
  async keepPrevious(path: string): Promise<PreviousFile> {
    return await this.#at(path, true, async ({ directory, name }) => {
      const here = join(directory, name);
      const found = await lstat(here).catch(() => undefined);
      if (!found) return { kind: 'absent' };
      if (found.isSymbolicLink()) return { kind: 'link', target: await readlink(here) };
      if (!found.isFile()) throw inTheWay(`file:${path}`, 'something that is no file');
      const handle = await open(here, THIS_FILE);
      try {
        const { mode, uid, gid } = await handle.stat();
        const bytes = await handle.readFile();
        const [sha256, size] = [await this.#cache.keep(bytes), bytes.length];
        return { kind: 'file', sha256, size, mode: mode & 0o7777, uid, gid };
      } finally {
        await handle.close();
      }
    });
  }

  /** Law 6: what was kept is on the disk, before anything is recorded that names it. */
  async syncKept(): Promise<void> {
    await this.#cache.sync();
  }

  async restore(path: string, previous: PreviousFile): Promise<void> {
    if (previous.kind === 'absent') await this.remove(path);
    else if (previous.kind === 'link') await this.link(path, previous.target);
    else await this.#put(path, previous);
  }

  async #put(path: string, file: FileContent): Promise<void> {
    await (await this.#stage(path, file)).commit();
  }

  async #stage(path: string, file: FileContent): Promise<Staged> {
    const how = { mode: file.mode, owner: { uid: file.uid, gid: file.gid }, sync: false };
    const temporary = await this.#at(path, true, async ({ directory, name }) => {
      await refuseDirectory(directory, name, path);
      return basename(await stageWhole(join(directory, name), how, (handle) => this.#fill(handle, path, file.sha256)));
    });
    return {
      commit: () =>
        this.#at(path, false, ({ directory, name }) => rename(join(directory, temporary), join(directory, name))),
      discard: () => this.#at(path, false, ({ directory }) => rm(join(directory, temporary), { force: true })),
    };
  }

  /** Law 4 once more: a copy in the cache that does not have its name's digest is removed, and the target never sees it. */
  async #fill(handle: FileHandle, path: string, sha256: string): Promise<void> {
    const cached = this.#cache.pathOf(sha256);
    const hash = createHash('sha256');
    const copy = await open(cached, THIS_FILE).catch(() => undefined);
    if ((await copy?.stat())?.isFile()) {
      for await (const chunk of createReadStream('', { fd: copy! }) as AsyncIterable<Buffer>) {
        hash.update(chunk);
        await handle.writeFile(chunk); // all of it: a disk that fills up takes a part first
      }
    } else await copy?.close();
    if (hash.digest('hex') === sha256) return;
    await rm(cached, { force: true, recursive: true });
    throw damaged(path);
  }

  #at<T>(path: string, create: boolean, action: (parent: Parent) => Promise<T>): Promise<T> {
    return withParent(path, { root: this.#root === '' ? '/' : this.#root, create }, action);
  }
}

function ownerIds(owner: OwnerNames, accounts: Accounts, subject: string): { uid: number; gid: number } {
  const user = accounts.users.get(owner.user);
  const gid = accounts.groups.get(owner.group);
  if (user && gid !== undefined) return { uid: user.uid, gid };
  throw new HauloutError({
    code: 'owner-unknown',
    step: 'files',
    subject,
    reason: `this machine has no ${user ? `group ${owner.group}` : `user ${owner.user}`}`,
    hint: 'list the package that makes it under [packages], or name another owner',
  });
}

async function refuseDirectory(directory: string, name: string, path: string): Promise<void> {
  const found = await lstat(join(directory, name)).catch(() => undefined);
  if (!found || found.isFile() || found.isSymbolicLink()) return;
  throw inTheWay(`file:${path}`, found.isDirectory() ? 'a directory' : 'a device, socket or pipe');
}

function inTheWay(subject: string, what: string): HauloutError {
  return new HauloutError({
    code: 'path-occupied',
    step: 'files',
    subject,
    reason: `${what} is in its place`,
    hint: 'haulout does not delete what it did not write: move it away by hand, or name another path',
  });
}

function damaged(path: string): HauloutError {
  return new HauloutError({
    code: 'content-missing',
    step: 'files',
    subject: `file:${path}`,
    reason: 'the copy of its content in the local cache is damaged, or not there',
    hint: 'nothing to do: it is fetched again at the next sync',
  });
}
