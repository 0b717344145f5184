import { readdir, readlink, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { errorCode } from '../lib/errors.ts';

/** A round that is under way has five seconds of it. */
const LONGEST_MS = 8_000;
const LOOK_AGAIN_MS = 50;

/**
 * Tells the agent that holds `lock` to end, and waits until it has: where nothing else starts agents, a new one would find the old
 * one at work and go. false: it is there still.
 */
export async function endResident(lock: string, clock: Pick<Clock, 'elapsed' | 'sleep'>): Promise<boolean> {
  const end = clock.elapsed() + LONGEST_MS;
  for (const pid of await holders(lock)) {
    try {
      process.kill(pid, 'SIGTERM');
    } catch (error) {
      if (errorCode(error) !== 'ESRCH') throw error;
    }
  }
  while ((await holders(lock)).length > 0) {
    if (clock.elapsed() > end) return false;
    await clock.sleep(LOOK_AGAIN_MS);
  }
  return true;
}

/**
 * Who has it open: the kernel names only the flock(1) that took the lock for them, and that has ended. The very file, and not one
 * of that name: agents of containers on this machine are none of ours.
 */
async function holders(lock: string): Promise<number[]> {
  const wanted = await stat(lock).catch(() => undefined);
  if (!wanted) return [];
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const directory = join('/proc', name, 'fd');
    for (const each of await readdir(directory).catch(() => [])) {
      const path = join(directory, each);
      if (basename(await readlink(path).catch(() => '')) !== basename(lock)) continue;
      const there = await stat(path).catch(() => undefined);
      if (there?.dev === wanted.dev && there.ino === wanted.ino) found.push(Number(name));
    }
  }
  return found;
}
