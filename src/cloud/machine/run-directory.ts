import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { listCgroups, removeCgroup } from './cgroup.ts';
import { isAlive, startTime } from './process.ts';

/** All run directories of all local clouds of this machine. /run: it is a tmpfs, hidden from instances, and empty after a reboot. */
export const RUN_ROOT = '/run/haulout-cloud';

/** The name says whose it is, so that what a killed process left can be told from what a living one uses. */
export function makeRunDirectory(root: string = RUN_ROOT): string {
  const name = `${process.pid}-${startTime(process.pid)}-${randomBytes(3).toString('hex')}`;
  const path = join(root, name);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  mkdirSync(join(path, 'cgroup'), { mode: 0o700 });
  return path;
}

export function removeRunDirectory(path: string, root: string = RUN_ROOT): void {
  rmSync(path, { recursive: true, force: true });
  try {
    rmdirSync(root);
  } catch {
    // ENOTEMPTY: another local cloud is at work there.
  }
}

/** The cgroup of an instance, named so that a sweep knows its owner. */
export function cgroupName(runDirectory: string, instanceId: string): string {
  return `haulout-${runDirectory.slice(runDirectory.lastIndexOf('/') + 1)}-${instanceId}`;
}

/**
 * Clears what a local cloud that was killed left behind: directories and cgroups. Its processes, mounts and namespaces the
 * kernel has taken already. Returns what was removed.
 */
export async function sweepLeftovers(root: string = RUN_ROOT): Promise<string[]> {
  const own = makeRunDirectory(root);
  try {
    const directories = readdirSync(root).filter(isLeftOver);
    for (const name of directories) rmSync(join(root, name), { recursive: true, force: true });
    const groups = (await listCgroups(join(own, 'cgroup'))).filter((name) => isLeftOver(name.replace('haulout-', '')));
    for (const name of groups) await removeCgroup(join(own, 'cgroup'), name);
    return [...directories.map((name) => join(root, name)), ...groups];
  } finally {
    removeRunDirectory(own, root);
  }
}

function isLeftOver(name: string): boolean {
  const [, pid, start] = /^(\d+)-(\d+)-/.exec(name) ?? [];
  return pid !== undefined && start !== undefined && !isAlive(Number(pid), start);
}
