import { createHash } from 'node:crypto';
import { getTasks } from 'node-cron';
import { describe, expect, it } from 'vitest';
import { cron, runOnSchedule } from '../../src/agent/schedule.ts';
import { splayOffset } from '../../src/lib/splay.ts';
import { SteppedClock } from '../support/stepped-clock.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface Jump {
  /** Milliseconds after the start. */
  readonly after: number;
  readonly by: number;
}

/** The agent's own way of looking, from a wall clock's `from` on: elapsed time of each run. */
function runs(expression: string, timezone: string, from: number, lasting: number, jump?: Jump): number[] {
  const watch = cron(expression, timezone);
  const wall = (elapsed: number) => from + elapsed + (jump && elapsed >= jump.after ? jump.by : 0);
  const found: number[] = [];
  watch.due(wall(0));
  for (let elapsed = 0; elapsed < lasting; ) {
    elapsed += watch.pause(wall(elapsed));
    if (watch.due(wall(elapsed))) found.push(elapsed);
  }
  return found;
}

function longestSilence(found: readonly number[], lasting: number): number {
  const moments = [0, ...found, lasting];
  return Math.max(...moments.slice(1).map((moment, index) => moment - moments[index]!));
}

describe('summer time begins and ends', () => {
  it.each([
    // where, an hour before the end of summer time
    ['America/New_York', '2026-11-01T05:00Z'],
    ['Europe/Berlin', '2026-10-25T00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T14:00Z'],
    ['Asia/Kathmandu', '2026-11-01T05:00Z'],
    ['UTC', '2026-11-01T05:00Z'],
  ])('%s: every five minutes, and every 20 seconds, go on through autumn without a hole', (zone, start) => {
    const from = Date.parse(start);
    const minutes = runs('*/5 * * * *', zone, from, 4 * HOUR);
    expect(minutes).toHaveLength(48);
    expect(longestSilence(minutes, 4 * HOUR)).toBeLessThanOrEqual(5 * MINUTE + SECOND);
    const seconds = runs('*/20 * * * * *', zone, from, 3 * HOUR);
    expect(seconds.length).toBeGreaterThanOrEqual(539);
    expect(longestSilence(seconds, 3 * HOUR)).toBeLessThanOrEqual(21 * SECOND);
  });

  it.each([
    // where, expression, local midnight before, run in UTC
    ['America/New_York', '30 2 * * *', '2026-03-08T05:00Z', '2026-03-08T07:00Z', 'in the gap: at its end'],
    ['Europe/Berlin', '15 2 * * *', '2026-03-28T23:00Z', '2026-03-29T01:00Z', 'in the gap: at its end'],
    ['Australia/Lord_Howe', '15 2 * * *', '2026-10-03T13:30Z', '2026-10-03T15:30Z', 'in the gap of half an hour'],
    ['America/New_York', '30 1 * * *', '2026-11-01T04:00Z', '2026-11-01T05:30Z', 'in the repeat: the first of both'],
    ['Europe/Berlin', '30 2 * * *', '2026-10-24T22:00Z', '2026-10-25T00:30Z', 'in the repeat: the first of both'],
    ['Australia/Lord_Howe', '45 1 * * *', '2026-04-04T13:00Z', '2026-04-04T14:45Z', 'in the repeat: the first of both'],
    ['America/New_York', '30 3 * * *', '2026-03-08T05:00Z', '2026-03-08T07:30Z', 'after the gap: at its time'],
    ['America/New_York', '0 2 * * *', '2026-11-01T04:00Z', '2026-11-01T07:00Z', 'after the repeat: at its time'],
    ['Asia/Kathmandu', '30 2 * * *', '2026-11-20T18:15Z', '2026-11-20T20:45Z', 'a zone of quarters'],
  ])('%s %s runs once that day (%s, %s; %s)', (zone, expression, midnight, at) => {
    const from = Date.parse(midnight);
    const found = runs(expression, zone, from, 23 * HOUR).map((elapsed) => from + elapsed);
    expect(found).toHaveLength(1);
    expect(Math.abs(found[0]! - Date.parse(at))).toBeLessThan(MINUTE);
  });

  it('an hourly one keeps its beat: never twice, never left out, in both nights', () => {
    for (const start of ['2026-03-08T04:30Z', '2026-11-01T03:30Z']) {
      expect(runs('0 * * * *', 'America/New_York', Date.parse(start), 6 * HOUR)).toHaveLength(6);
    }
  });
});

describe('the clock is set', () => {
  it.each([
    ['2 hours forward', 2 * HOUR],
    ['30 days forward', 30 * DAY],
    ['a year forward', 365 * DAY],
    ['2 hours back', -2 * HOUR],
    ['30 days back', -30 * DAY],
    ['50 seconds back', -50 * SECOND],
  ])('%s: neither a flood nor a silence', (_what, by) => {
    for (const [expression, beat, most] of [
      ['* * * * *', MINUTE, 62],
      ['*/5 * * * *', 5 * MINUTE, 14],
      ['*/10 * * * * *', 10 * SECOND, 365],
    ] as const) {
      const started = performance.now();
      const found = runs(expression, 'America/New_York', Date.parse('2026-06-10T12:00:20Z'), HOUR, {
        after: 30 * MINUTE,
        by,
      });
      expect(performance.now() - started).toBeLessThan(5_000);
      expect(longestSilence(found, HOUR)).toBeLessThanOrEqual(beat + Math.max(MINUTE, beat) + SECOND);
      expect(found.length).toBeLessThanOrEqual(most);
    }
  });

  it.each([
    ['forward over its time: now, once', 5 * MINUTE, HOUR],
    ['back over its time, after it ran: not again', 15 * MINUTE, -HOUR],
    ['forward by thirty days: at its time of that day', 5 * MINUTE, 30 * DAY],
    ['back by thirty days: at its time of that day', 5 * MINUTE, -30 * DAY],
  ])('a daily one, %s', (_what, after, by) => {
    const found = runs('30 2 * * *', 'UTC', Date.parse('2026-06-10T02:20Z'), 30 * HOUR, { after, by });
    expect(found).toHaveLength(2); // that day and the next
  });

  it('a look that comes a little late misses nothing, and joins what it missed to one', () => {
    const watch = cron('* * * * *', 'UTC');
    const start = Date.parse('2026-06-10T12:00:30Z');
    watch.due(start);
    expect(watch.due(start + 90 * SECOND)).toBe(true);
    expect(watch.due(start + 91 * SECOND)).toBe(false);
  });
});

describe('ten years', () => {
  const FROM = Date.UTC(2026, 0, 1);
  const TO = Date.UTC(2036, 0, 1);

  it.each(['UTC', 'America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kathmandu'])(
    '%s: `2,17,32,47 * * * *` four times an hour, around every change of time and on days between',
    (zone) => {
      const changes = offsetChanges(zone, FROM, TO);
      const days = Array.from({ length: 20 }, (_, index) => FROM + Math.floor(((TO - FROM) / 20 / DAY) * index) * DAY);
      const windows = [
        ...changes.map((at) => [at - 3 * HOUR, 6 * HOUR] as const),
        ...days.map((day) => [day, DAY] as const),
      ];
      let total = 0;
      for (const [from, lasting] of windows) {
        const watch = cron('2,17,32,47 * * * *', zone);
        watch.due(from - MINUTE);
        let found = 0;
        for (let at = from; at < from + lasting; at += MINUTE) if (watch.due(at)) found++;
        expect(found).toBe((lasting / HOUR) * 4);
        total += found;
      }
      console.log(`${zone}: ${changes.length} changes of time in ten years, ${windows.length} windows, ${total} runs`);
      expect(changes.length).toBe(['UTC', 'Asia/Kathmandu'].includes(zone) ? 0 : 20);
    },
    60_000,
  );
});

/** Moments, to the minute, at which a zone's offset changes. */
function offsetChanges(zone: string, from: number, to: number): number[] {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  const offset = (at: number) => format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value;
  const found: number[] = [];
  for (let day = from; day < to; day += DAY) {
    let [low, high] = [day, day + DAY];
    if (offset(low) === offset(high)) continue;
    while (high - low > MINUTE) {
      const middle = Math.floor((low + high) / 2 / MINUTE) * MINUTE;
      if (offset(middle) === offset(low)) low = middle;
      else high = middle;
    }
    found.push(high);
  }
  return found;
}

describe('a schedule in force', () => {
  it('never runs beside itself: what comes due meanwhile is left out', async () => {
    const clock = new SteppedClock();
    const stop = new AbortController();
    let [running, most, count] = [0, 0, 0];
    const done = runOnSchedule(cron('* * * * *', 'UTC'), clock, stop.signal, async () => {
      most = Math.max(most, ++running);
      count++;
      await clock.sleep(150 * SECOND);
      running--;
    });
    await clock.advance(30 * MINUTE);
    expect([most, count]).toEqual([1, 10]);
    stop.abort();
    await clock.advance(5 * MINUTE);
    await done;
    expect([running, count]).toEqual([0, 10]);
  });

  it('makes no task of node-cron that stays: an agent makes one for each of its rests', () => {
    const before = getTasks().size;
    for (let time = 0; time < 100; time++) cron('*/5 * * * *', 'UTC').due(0);
    expect(getTasks().size).toBe(before);
  });
});

describe('splay', () => {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');

  it('is the same for the same instance, within the window, and none without one', () => {
    expect(splayOffset(hash('i-1'), 30_000)).toBe(splayOffset(hash('i-1'), 30_000));
    expect(splayOffset(hash('i-1'), 0)).toBe(0);
    expect(splayOffset(hash('i-1'), 1)).toBe(0);
  });

  it('spreads a fleet evenly', () => {
    const [fleet, bins, windowMs] = [30_000, 30, 30_000];
    const counts = new Array<number>(bins).fill(0);
    for (let host = 0; host < fleet; host++) {
      const offset = splayOffset(hash(`i-${host.toString(16).padStart(17, '0')}`), windowMs);
      counts[Math.floor((offset / windowMs) * bins)]!++;
    }
    const expected = fleet / bins;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    console.log(`splay: ${fleet} hosts, ${bins} bins, chi-square ${chiSquare.toFixed(1)}`);
    expect(chiSquare).toBeLessThan(58.3); // 29 degrees of freedom, one in a thousand
  });
});
