import { run, SYSTEM_ENVIRONMENT } from '../../lib/exec.ts';
import { quote } from './command.ts';

/*
 * Each instance is a cgroup2 sub-tree of its own where the machine can do that; where it cannot, it goes without. Every script here
 * mounts the hierarchy anew in a mount namespace of its own, because where a machine has it mounted, and whether writable, differs.
 */

/** Shell lines, for a private mount namespace: into cgroup `name`, made at need. False when it cannot be done. */
export function joinLines(mountPoint: string, name: string): string {
  const at = quote(mountPoint);
  const group = quote(`${mountPoint}/${name}`);
  return `join_cgroup() {
  mount -t cgroup2 cgroup2 ${at} || return 1
  { [ -d ${group} ] || mkdir ${group}; } && echo 0 > ${group}/cgroup.procs
  joined=$?
  umount ${at}
  return "$joined"
}`;
}

const TIMEOUT_MS = 10_000;
const WITH_HIERARCHY = ['unshare', '--mount', '--propagation', 'private', '/bin/sh', '-c'] as const;

/** A cgroup can go only once the kernel has buried its last process, which takes a moment after that was reaped. */
const REMOVE = `mount -t cgroup2 cgroup2 "$0" 2>/dev/null || exit 0
tries=0
while [ -d "$0/$1" ] && [ "$tries" -lt 60 ]; do
  find "$0/$1" -depth -type d -exec rmdir {} + 2>/dev/null && break
  tries=$((tries + 1))
  sleep 0.05
done
[ ! -d "$0/$1" ]`;

/** Whether it is gone. */
export async function removeCgroup(mountPoint: string, name: string): Promise<boolean> {
  const result = await run([...WITH_HIERARCHY, REMOVE, mountPoint, name], {
    timeoutMs: TIMEOUT_MS,
    env: SYSTEM_ENVIRONMENT,
  });
  return result.code === 0;
}

const LIST = `mount -t cgroup2 cgroup2 "$0" 2>/dev/null || exit 0
cd "$0"
for group in haulout-*; do [ ! -d "$group" ] || printf '%s\\n' "$group"; done`;

/** The names of all cgroups that local clouds made on this machine, dead ones included. */
export async function listCgroups(mountPoint: string): Promise<string[]> {
  const result = await run([...WITH_HIERARCHY, LIST, mountPoint], { timeoutMs: TIMEOUT_MS, env: SYSTEM_ENVIRONMENT });
  return result.stdout.split('\n').filter(Boolean);
}
