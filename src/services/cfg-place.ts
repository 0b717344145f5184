import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  chmod,
  type FileHandle,
  lchown,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  statfs,
  symlink,
  unlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, HauloutError } from '../lib/errors.ts';
import type { Owner } from './image-tree.ts';
import { makeOpen } from './open-directory.ts';
import { removeTree } from './remove-tree.ts';

/** Where cfgs live: a directory on tmpfs, /run/haulout/cfg. */
export interface CfgRoom {
  readonly directory: string;
}

export interface CfgTarget {
  readonly service: string;
  /** The service directory; `cfg/service.cfg` in it leads to the cfg while `use` runs. */
  readonly directory: string;
  readonly owner: Owner;
}

const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;
const NAME = 'service.cfg';

/**
 * Law 7: the text exists on tmpfs only, readable by the hook's user only, and only until `use` has ended. Overwritten
 * before it is unlinked, so that pages that somebody else still holds hold nothing.
 */
export async function withCfg<T>(
  room: CfgRoom,
  target: CfgTarget,
  text: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  await ensureRoom(room, target.service);
  const directory = join(room.directory, randomBytes(16).toString('hex'));
  await mkdir(directory, { mode: 0o700 });
  try {
    const file = await open(join(directory, NAME), CREATE, 0o400);
    try {
      await file.chown(target.owner.uid, target.owner.gid);
      await file.chmod(0o400);
      await file.writeFile(text);
      await lchown(directory, target.owner.uid, target.owner.gid);
      return await withLink(target, join(directory, NAME), use);
    } finally {
      await overwrite(file);
      await file.close();
    }
  } finally {
    await removeTree(directory);
  }
}

const CREATE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

async function overwrite(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  await file.write(Buffer.alloc(size), 0, size, 0);
}

/** At the agent's start: what an agent that was killed has left, and the links in service directories that led to it. */
export async function sweepCfg(room: CfgRoom, serviceDirectories: readonly string[]): Promise<void> {
  const left = await readdir(room.directory).catch(() => []);
  for (const name of left) {
    const directory = join(room.directory, name);
    await erase(join(directory, NAME));
    await removeTree(directory);
  }
  for (const directory of serviceDirectories) await removeStaleLink(room, directory);
}

async function erase(path: string): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => undefined);
  if (file === undefined) return;
  try {
    await overwrite(file);
  } finally {
    await file.close();
  }
}

async function ensureRoom(room: CfgRoom, service: string): Promise<void> {
  await makeOpen(room.directory);
  await chmod(room.directory, 0o711); // passed through by hooks of any user, listed by nobody
  const { type } = await statfs(room.directory);
  if (type === TMPFS || type >>> 0 === RAMFS) return;
  throw new HauloutError({
    code: 'cfg-not-tmpfs',
    step: 'service',
    subject: `service:${service}`,
    reason: `${room.directory} is on a disk, where a secret cannot be erased`,
    hint: `mount a tmpfs there: mount -t tmpfs -o mode=0755 tmpfs ${room.directory}`,
  });
}

/**
 * The service directory belongs to the service's user, who may swap any name in it at any moment: its `cfg` is opened
 * once, not through a link, and what happens then happens in that directory, whatever its name leads to by now.
 */
async function withLink<T>(target: CfgTarget, path: string, use: (path: string) => Promise<T>): Promise<T> {
  const cfg = await openCfgDirectory(target);
  try {
    const link = join(`/proc/self/fd/${cfg.fd}`, NAME);
    await makeLink(target, link, path);
    try {
      return await use(path);
    } finally {
      if ((await readlink(link).catch(() => undefined)) === path) await unlink(link);
    }
  } finally {
    await cfg.close();
  }
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;

async function openCfgDirectory(target: CfgTarget): Promise<FileHandle> {
  const service = await open(target.directory, DIRECTORY);
  try {
    const path = join(`/proc/self/fd/${service.fd}`, 'cfg');
    const made = await mkdir(path, { mode: 0o700 }).then(
      () => true,
      (error: unknown) => {
        if (errorCode(error) === 'EEXIST') return false;
        throw error;
      },
    );
    const cfg = await open(path, DIRECTORY | constants.O_NOFOLLOW).catch((error: unknown) => {
      throw notOurs(target, 'cfg is not a directory', error);
    });
    if (made) {
      await cfg.chmod(0o755);
      await cfg.chown(target.owner.uid, target.owner.gid);
    }
    return cfg;
  } finally {
    await service.close();
  }
}

async function makeLink(target: CfgTarget, link: string, path: string): Promise<void> {
  const there = await lstat(link).catch(() => undefined);
  if (there?.isSymbolicLink()) await unlink(link);
  else if (there !== undefined) throw notOurs(target, `cfg/${NAME} is in the image itself`);
  await symlink(path, link);
}

function notOurs(target: CfgTarget, reason: string, cause?: unknown): HauloutError {
  const subject = `service:${target.service}`;
  const hint = `leave cfg/${NAME} out of the image: haulout puts it there while a hook runs`;
  return new HauloutError({ code: 'cfg-refused', step: 'service', subject, reason, hint }, cause);
}

async function removeStaleLink(room: CfgRoom, directory: string): Promise<void> {
  const cfg = await open(join(directory, 'cfg'), DIRECTORY | constants.O_NOFOLLOW).catch(() => undefined);
  if (cfg === undefined) return;
  try {
    const link = join(`/proc/self/fd/${cfg.fd}`, NAME);
    const target = await readlink(link).catch(() => '');
    if (target.startsWith(`${room.directory}/`)) await unlink(link);
  } finally {
    await cfg.close();
  }
}
