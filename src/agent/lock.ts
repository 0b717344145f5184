import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeRoom } from '../lib/make-room.ts';

/**
 * One agent at a time, by a kernel lock on a descriptor that this process holds: it ends with the process, however that ends,
 * and is never stale. flock(1) takes it on our open file, which it shares with us.
 */
export interface Lock {
  release(): void;
}

const LOCK_FILE = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const LONGEST_MS = 10_000;

/** undefined: somebody else has it. */
export function tryLock(path: string): Lock | undefined {
  const descriptor = openLock(path);
  if (flock(descriptor, '--nonblock')) return { release: () => closeSync(descriptor) };
  closeSync(descriptor);
  return undefined;
}

function openLock(path: string): number {
  try {
    return openSync(path, LOCK_FILE, 0o600);
  } catch {
    clear(path);
    return openSync(path, LOCK_FILE, 0o600);
  }
}

/** Law 5: a directory or a link where the lock belongs is removed, by one process at a time: the next may find a lock there. */
function clear(path: string): void {
  const around = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    if (!flock(around)) return;
    makeRoom(path);
  } finally {
    closeSync(around);
  }
}

function flock(descriptor: number, ...how: string[]): boolean {
  const result = spawnSync('flock', ['--exclusive', ...how, '3'], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
    timeout: LONGEST_MS,
  });
  if (result.error) throw result.error;
  return result.status === 0;
}
