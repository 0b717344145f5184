import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { errorCode, HauloutError } from './errors.ts';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const MOST_LINKS = 20;

export interface Parent {
  /** `/proc/self/fd/<n>`: stays the directory that was opened, whatever somebody renames or links meanwhile. */
  readonly directory: string;
  /** The last part of the path, to be joined with `directory`. */
  readonly name: string;
  readonly handle: FileHandle;
}

export interface ParentOptions {
  /** Directories that are missing are made, 0755 root. */
  readonly create: boolean;
  /** The root of the tree that absolute paths are meant in; `/` but for tests. */
  readonly root: string;
}

/**
 * Opens the directory that holds `path` one part at a time and hands it over as a descriptor. Root writing under a directory
 * of somebody else must not be led away by a link that appears in it (CVE-2018-6954 and its kin), so only links that root
 * made in directories that only root writes to are followed: /bin, /var/run and what an administrator set up.
 */
export async function withParent<T>(
  path: string,
  options: ParentOptions,
  action: (parent: Parent) => Promise<T>,
): Promise<T> {
  const handle = await openDirectory(dirname(path), { ...options, path }, 0);
  try {
    return await action({ directory: descriptor(handle), name: basename(path), handle });
  } finally {
    await handle.close();
  }
}

/** `path`: what is looked for, whatever links there are on the way to it. */
interface Way extends ParentOptions {
  readonly path: string;
}

async function openDirectory(path: string, way: Way, links: number): Promise<FileHandle> {
  let current = await open(way.root, constants.O_RDONLY | constants.O_DIRECTORY);
  const parts = path.split('/').filter((part) => part !== '');
  try {
    for (const index of parts.keys()) {
      const here = `/${parts.slice(0, index + 1).join('/')}`;
      const next = await enter(current, here, way);
      await current.close();
      if (typeof next === 'string') {
        if (links >= MOST_LINKS) throw untrusted(way, here, 'the last of too many links');
        const target = next.startsWith('/') ? next : `${dirname(here)}/${next}`;
        const rest = parts.slice(index + 1).join('/');
        return await openDirectory(normalise(`${target}/${rest}`), way, links + 1);
      }
      current = next;
    }
    return current;
  } catch (error) {
    await current.close().catch(() => undefined);
    throw error;
  }
}

/** The directory `here`, which stands in `parent`, opened, or where a link that may be followed points. */
async function enter(parent: FileHandle, here: string, way: Way): Promise<FileHandle | string> {
  const path = `${descriptor(parent)}/${basename(here)}`;
  try {
    return await open(path, DIRECTORY);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && way.create) {
      return await make(path);
    }
    if (errorCode(error) !== 'ENOTDIR' && errorCode(error) !== 'ELOOP') throw error;
  }
  const found = await lstat(path);
  if (!found.isSymbolicLink()) throw untrusted(way, here, 'not a directory');
  const around = await parent.stat();
  // The sticky bit of /tmp is no help: it keeps a link of root's where it is, but lets one be moved there from elsewhere.
  const othersWrite = (around.mode & 0o022) !== 0;
  if (found.uid !== 0 || around.uid !== 0 || othersWrite) throw untrusted(way, here, NOT_OF_ROOT);
  return await readlink(path);
}

/** 0755 whatever the umask is; one that somebody else made in the meantime keeps its mode. */
async function make(path: string): Promise<FileHandle> {
  const made = await mkdir(path, { mode: 0o700 }).then(
    () => true,
    (error) => {
      if (errorCode(error) !== 'EEXIST') throw error;
      return false;
    },
  );
  const handle = await open(path, DIRECTORY);
  if (made) await handle.chmod(0o755);
  return handle;
}

function descriptor(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`;
}

function normalise(path: string): string {
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') kept.pop();
    else if (part !== '' && part !== '.') kept.push(part);
  }
  return `/${kept.join('/')}`;
}

const NOT_OF_ROOT = 'a link that root did not make, or that stands where others write';

function untrusted({ path }: Way, here: string, what: string): HauloutError {
  return new HauloutError({
    code: 'path-untrusted',
    step: 'files',
    subject: `file:${path}`,
    reason: `${here} is on the way to it, and is ${what}`,
    hint: 'look at each part of the path with `ls -ld`; remove what is in the way',
  });
}
