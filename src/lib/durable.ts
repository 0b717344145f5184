import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, type FileHandle, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode } from './errors.ts';

export interface WholeWrite {
  /** Permission bits, held from the first instant the file exists. */
  readonly mode: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** false: the caller syncs the file system once for many files (a snapshot's content). Default true. */
  readonly sync?: boolean;
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Law 6: a reader of `path` sees the old file or the new one, whole, whatever happens in between, a power cut included.
 * Temporary file beside the target (same file system), final mode and owner before the first byte, sync, rename, sync of the
 * directory. The umask does not matter: the file is created 0600 and gets its mode by descriptor.
 */
export async function writeWhole(path: string, data: string | Uint8Array, how: WholeWrite): Promise<void> {
  await replaceWhole(path, how, async (file) => {
    await file.writeFile(data);
  });
}

/** The same, with the content written by `fill` (a stream, a copy). When `fill` throws, nothing is left behind. */
export async function replaceWhole(
  path: string,
  how: WholeWrite,
  fill: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = await stageWhole(path, how, fill);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  if (how.sync !== false) await syncDirectory(dirname(path));
}

/** The first half: whole beside its target, under the name that is returned, and seen by nobody who looks for `path`. */
export async function stageWhole(
  path: string,
  how: WholeWrite,
  fill: (file: FileHandle) => Promise<void>,
): Promise<string> {
  const temporary = temporaryBeside(path);
  const file = await open(temporary, CREATE, 0o600);
  try {
    if (how.owner) await file.chown(how.owner.uid, how.owner.gid);
    await file.chmod(how.mode);
    await fill(file);
    if (how.sync !== false) await file.sync();
    await file.close();
    return temporary;
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A name in the same directory that no reader looks for; swept at start by its prefix. Names are limited in bytes. */
export function temporaryBeside(path: string): string {
  const begin = Buffer.from(basename(path)).subarray(0, 100).toString('utf8');
  return join(dirname(path), `${TEMPORARY_PREFIX}${begin}.${randomBytes(6).toString('hex')}`);
}
export const TEMPORARY_PREFIX = '.haulout-tmp-';

/** Makes a rename or a removal in `directory` survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * A directory of ours and the parents it lacks, each with `mode` whatever the umask is (the agent's is 077). What is there
 * already keeps its mode.
 */
export async function ensureDirectory(path: string, mode = 0o700): Promise<void> {
  const made = await makeDirectory(path, mode).catch(async (error) => {
    if (errorCode(error) !== 'ENOENT') throw error;
    await ensureDirectory(dirname(path), mode);
    return await makeDirectory(path, mode); // once: below a link that leads nowhere it cannot be made
  });
  if (made) await chmod(path, mode);
}

/** The same for one that is ours alone: what stands in its place and is no directory makes room (law 5). */
export async function ownDirectory(path: string, mode = 0o700): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found && !found.isDirectory()) await rm(path, { force: true });
  await ensureDirectory(path, mode);
}

/** false: something of that name is there. */
async function makeDirectory(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}
