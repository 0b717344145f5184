import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';

/**
 * One agent at a time, by a kernel lock on a descriptor that this process holds: it ends with the process, however that ends,
 * and is never stale. flock(1) takes it on our open file, which it shares with us.
 */
export interface Lock {
  release(): void;
}

/** undefined: somebody else has it. */
export function tryLock(path: string): Lock | undefined {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  const result = spawnSync('flock', ['--exclusive', '--nonblock', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
    timeout: 10_000,
  });
  if (result.status === 0) return { release: () => closeSync(descriptor) };
  closeSync(descriptor);
  if (result.error) throw result.error;
  return undefined;
}
