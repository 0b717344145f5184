import { systemClock } from '../lib/clock.ts';
import { HauloutError } from '../lib/errors.ts';

const POLL_MS = 25;
const AFTER_KILL_MS = 5_000;

export interface Herd {
  /** For words: the scope's name. */
  readonly name: string;
  members(): Promise<number[]>;
  /** One stroke for all of them, where the kernel has it. */
  killAll?(): Promise<void>;
}

/** TERM once to each member, newcomers included; KILL to what is left after `graceMs`, until none is. */
export async function endHerd(herd: Herd, graceMs: number): Promise<void> {
  const asked = new Set<number>();
  const gone = await until(graceMs, async () => {
    const members = await herd.members();
    for (const pid of members) if (!asked.has(pid)) signal(pid, 'SIGTERM');
    for (const pid of members) asked.add(pid);
    return members.length === 0;
  });
  if (gone) return;
  const killed = await until(AFTER_KILL_MS, async () => {
    await herd.killAll?.();
    const members = await herd.members();
    for (const pid of members) signal(pid, 'SIGKILL');
    return members.length === 0;
  });
  if (!killed) throw unkillable(herd.name);
}

/** Asks at once, then again and again; the last time when `limitMs` have passed. */
async function until(limitMs: number, holds: () => Promise<boolean>): Promise<boolean> {
  const end = systemClock.elapsed() + limitMs;
  for (;;) {
    if (await holds()) return true;
    if (systemClock.elapsed() >= end) return false;
    await systemClock.sleep(POLL_MS);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // ESRCH: it is gone already, which is what was wanted.
  }
}

export function unkillable(name: string): HauloutError {
  return new HauloutError({
    code: 'scope-not-ended',
    step: 'service',
    subject: `scope:${name}`,
    reason: 'processes are left that even KILL did not end',
    hint: 'they wait for a device or a network file system: see `ps -eo pid,stat,wchan,args`',
  });
}
