import { createTask } from 'node-cron';
import type { Clock } from '../lib/clock.ts';

/**
 * Cron on our own clock. node-cron reads expressions and says whether a moment matches; when to look is ours, because its
 * own timer goes silent for hours after the clock is set back, floods after it is set forward, and loses an hour of runs
 * when summer time ends (measured). The rules are Vixie cron's (cron(8), "daylight saving time"):
 *
 * local time moved            | expressions with `*` in minute or hour | at fixed times
 * ----------------------------|----------------------------------------|----------------------------------------
 * as it should                | when they match                        | when they match
 * forward by less than 3 h    | not for the skipped time               | what was skipped runs once, now
 * backward by less than 3 h   | go on                                  | not again until the old time is passed
 * by more                     | start afresh                           | start afresh
 */
export interface Cron {
  /** Did the expression come due between the last call and now? The first call only starts the watch. */
  due(now: number): boolean;
  /** Milliseconds to sleep before looking again; never long, so that a clock that is set is noticed. */
  pause(now: number): number;
}

const MINUTE = 60_000;
const SECOND = 1_000;
const CORRECTION = 3 * 60 * MINUTE;
const LONGEST_PAUSE = 15 * SECOND;

export function cron(expression: string, timezone: string): Cron {
  const fields = expression.trim().split(/\s+/);
  const grain = fields.length === 6 ? SECOND : MINUTE;
  const [minute = '*', hour = '*'] = fields.slice(-5);
  const fixed = !minute.startsWith('*') && !hour.startsWith('*');
  const local = localClock(timezone);
  // In UTC, because it is handed local time dressed as UTC: no zone arithmetic is left to it.
  const task = createTask(expression, () => undefined, { timezone: 'UTC' });
  void task.destroy(); // it is in node-cron's registry for ever otherwise, and one is made for each rest of the agent
  const matches = (slot: number) => task.match(new Date(slot));
  let last: number | undefined;

  return {
    due(now) {
      const slot = Math.floor(local(now) / grain) * grain;
      if (last === undefined || Math.abs(slot - last) > CORRECTION) {
        last = slot;
        return false;
      }
      if (slot < last) {
        // Set back, or summer time ended: what runs at a fixed time waits for its day, the rest goes on from here.
        if (!fixed) last = slot;
        return !fixed && matches(slot);
      }
      // Looking late by a little (a busy machine) is no jump: those slots count for every expression.
      const from = fixed || slot - last <= 2 * MINUTE ? last + grain : slot;
      const begin = slot === last ? slot + grain : from;
      last = slot;
      for (let at = begin; at <= slot; at += grain) if (matches(at)) return true;
      return false;
    },
    pause(now) {
      return Math.min(LONGEST_PAUSE, grain - (now % grain) + 5);
    },
  };
}

/** Wall clock to local time as if it were UTC milliseconds. Offsets of real zones are whole minutes. */
function localClock(timezone: string): (now: number) => number {
  if (timezone === 'UTC') return (now) => now;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  return (now) => {
    const part: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(now)) part[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute) + (now % MINUTE);
  };
}

/** Calls `action` whenever `cron` comes due, until aborted. A run that is still going is not joined by a second one. */
export async function runOnSchedule(
  schedule: Cron,
  clock: Clock,
  signal: AbortSignal,
  action: () => Promise<void>,
): Promise<void> {
  let running: Promise<void> | undefined;
  schedule.due(clock.now());
  while (!signal.aborted) {
    await clock.sleep(schedule.pause(clock.now()), signal).catch(() => undefined);
    if (signal.aborted || !schedule.due(clock.now()) || running) continue;
    running = action().finally(() => {
      running = undefined;
    });
  }
  await running;
}

/** The longest of the coming pauses between two times that match, in milliseconds, from now on. */
export function longestPause(expression: string, timezone: string): number {
  const task = createTask(expression, () => undefined, { timezone });
  void task.destroy();
  const runs = task.getNextRuns(3).map((run) => run.getTime());
  return Math.max(...runs.map((run, index) => run - (runs[index - 1] ?? Date.now())));
}
