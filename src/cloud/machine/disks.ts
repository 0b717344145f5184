import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run, SYSTEM_ENVIRONMENT } from '../../lib/exec.ts';

const TRIAL = `set -eu
cd "$0"
mkdir upper work root
exec mount -t overlay haulout -o lowerdir=/,upperdir=upper,workdir=work root`;

/**
 * Whether a directory can hold what instances write. An overlay's upper layer cannot stand on every file system: not on
 * another overlay, which is what a container's root usually is.
 */
export async function canHoldDisks(directory: string): Promise<boolean> {
  const trial = await mkdtemp(join(directory, 'trial-'));
  try {
    const argv = ['unshare', '--mount', '--propagation', 'private', '/bin/sh', '-c', TRIAL, trial] as const;
    return (await run(argv, { timeoutMs: 10_000, env: SYSTEM_ENVIRONMENT })).code === 0;
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}
