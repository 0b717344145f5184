import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../lib/errors.ts';
import { isThere } from '../lib/present.ts';
import type { Containment } from './contain.ts';
import { endHerd, unkillable } from './processes.ts';

/** Whoever enters anew each time is not ended by patience. */
const MOST_ROUNDS = 5;

/** Enters the cgroup before anything else; what cannot enter does not run. */
const ENTER = 'mkdir -p "$1" && echo $$ > "$1/cgroup.procs" || exit 125; shift; exec "$@"';

/** cgroup v2 without systemd: one directory per scope below `<mount>/<name>`. undefined where it may not be written. */
export async function cgroupContainment(name: string, mount: string): Promise<Containment | undefined> {
  const home = join(mount, name);
  if (!(await isCgroup(home))) return undefined;
  const directory = (scope: string) => join(home, checkScope(scope));
  return {
    kind: 'cgroup',
    cookie: (scope) => `${name}:${scope}`,
    command: (scope, argv) => ['/bin/sh', '-c', ENTER, 'haulout', directory(scope), ...argv],
    members: (scope) => cgroupMembers(directory(scope)),
    end: (scope, graceMs) => endCgroup(scope, directory(scope), graceMs),
    scopes: () => subdirectories(home),
  };
}

/** Makes it, unless it is there. What is made in a true cgroup file system is a cgroup at once. */
async function isCgroup(path: string): Promise<boolean> {
  const made = await mkdir(path).then(
    () => true,
    () => false,
  );
  const works = await isThere(join(path, 'cgroup.procs'));
  if (made && !works) await rmdir(path);
  return works;
}

export function checkScope(scope: string): string {
  if (!/^[A-Za-z0-9_@:][A-Za-z0-9_@:.-]*$/.test(scope)) throw new TypeError('not a scope name');
  return scope;
}

/**
 * A directory is there before the first process is in it. Removing it is the proof that nothing runs and nothing will:
 * who still wants to enter finds no cgroup, and does not run. EBUSY says that somebody entered since we looked.
 */
async function endCgroup(scope: string, directory: string, graceMs: number): Promise<void> {
  const killAll = async () => {
    await writeFile(join(directory, 'cgroup.kill'), '1').catch(() => undefined); // before Linux 5.14 there is none
  };
  const herd = { name: scope, members: () => cgroupMembers(directory), killAll };
  for (let rounds = 1; ; rounds++) {
    await endHerd(herd, graceMs);
    if (await removeCgroup(directory)) return;
    if (rounds === MOST_ROUNDS) throw unkillable(scope);
  }
}

/** Processes of a cgroup and of what is below it; none when it is not there. */
export async function cgroupMembers(directory: string): Promise<number[]> {
  const own = await readFile(join(directory, 'cgroup.procs'), 'utf8').catch(() => '');
  const below = await Promise.all(
    (await subdirectories(directory)).map((name) => cgroupMembers(join(directory, name))),
  );
  // 0 stands for a process of another pid namespace: it is not ours to name.
  return [...own.split('\n').map(Number), ...below.flat()].filter((pid) => pid > 0);
}

export async function subdirectories(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** false: something runs in it. */
async function removeCgroup(directory: string): Promise<boolean> {
  for (const name of await subdirectories(directory)) {
    if (!(await removeCgroup(join(directory, name)))) return false;
  }
  try {
    await rmdir(directory);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true;
    if (errorCode(error) === 'EBUSY') return false;
    throw error;
  }
}
