import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { formatDuration, parseDuration } from '../../src/lib/duration.ts';
import { RetryBudget, retry } from '../../src/lib/retry.ts';
import { Chance } from '../support/chance.ts';
import { VirtualClock } from '../support/clock.ts';
import { rejection } from '../support/readers.ts';

const DAY = 86_400_000;

describe('sleep', () => {
  it('takes as long as it was told to, by the monotonic clock', async () => {
    const started = systemClock.elapsed();
    await systemClock.sleep(30);
    expect(systemClock.elapsed() - started).toBeGreaterThanOrEqual(30);
  });

  it.each([0, -1, -DAY])('of %i ends at once', async (milliseconds) => {
    await systemClock.sleep(milliseconds);
  });

  it.each([24.9 * DAY, 365 * DAY, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY])(
    'of %d milliseconds does not end at once, and can be called off',
    async (milliseconds) => {
      const ending = new AbortController();
      const reason = new Error('enough');
      const slept = systemClock.sleep(milliseconds, ending.signal).then(
        () => 'over',
        (error: unknown) => error,
      );
      expect(await Promise.race([slept, systemClock.sleep(30).then(() => 'asleep')])).toBe('asleep');
      ending.abort(reason);
      expect(await slept).toBe(reason);
    },
  );

  it('that was called off before does not begin', async () => {
    expect(await rejection(systemClock.sleep(DAY, AbortSignal.abort('over')))).toBe('over');
    expect(await rejection(systemClock.sleep(0, AbortSignal.abort('over')))).toBe('over');
  });

  it('leaves no listener behind on a signal that lives long', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    for (let i = 0; i < 20; i++) await systemClock.sleep(1, signal);
    expect(listeners).toBe(0);
  });
});

describe('retry', () => {
  const policy = { attempts: 6, baseMs: 100, capMs: 1_000, budgetMs: 60_000 };
  const failing = (times: number) => {
    const attempts: number[] = [];
    const action = async (attempt: number) => {
      attempts.push(attempt);
      if (attempts.length <= times) throw new Error(`failure ${attempt}`);
      return 'done';
    };
    return { attempts, action };
  };
  const always = () => true;

  it('waits for what the other side asked for, on top of its own pause', async () => {
    const clock = new VirtualClock();
    const tools = { clock, random: () => 0.5, askedFor: () => 1_000 };
    expect(await retry(policy, tools, always, failing(2).action)).toBe('done');
    expect(clock.sleeps).toEqual([1_050, 1_100]);
  });

  it('stops when a shared budget is spent, gets back what helped, and the rest over a minute', async () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget(4, { elapsed: () => clock.elapsed() });
    const tools = { clock, random: () => 0, budget };
    expect(await retry(policy, tools, always, failing(3).action)).toBe('done');
    const spent = failing(9);
    expect(String(await rejection(retry(policy, tools, always, spent.action)))).toContain('failure 5');
    const none = failing(9);
    expect(String(await rejection(retry(policy, tools, always, none.action)))).toContain('failure 1');
    clock.advance(30_000);
    const half = failing(9);
    expect(String(await rejection(retry(policy, tools, always, half.action)))).toContain('failure 3');
  });

  it('ends with the first success', async () => {
    const clock = new VirtualClock();
    const { attempts, action } = failing(3);
    expect(await retry(policy, { clock, random: () => 0.5 }, always, action)).toBe('done');
    expect([attempts, clock.sleeps]).toEqual([
      [1, 2, 3, 4],
      [50, 100, 200],
    ]);
  });

  it('ends after so many attempts, with the last error', async () => {
    const { attempts, action } = failing(99);
    const tools = { clock: new VirtualClock(), random: () => 0 };
    expect(String(await rejection(retry(policy, tools, always, action)))).toContain('failure 6');
    expect(attempts).toHaveLength(6);
  });

  it('does not try again what is not worth it', async () => {
    const { attempts, action } = failing(99);
    const tools = { clock: new VirtualClock(), random: () => 0 };
    const third = (error: unknown) => !String(error).includes('3');
    expect(String(await rejection(retry(policy, tools, third, action)))).toContain('failure 3');
    expect(attempts).toHaveLength(3);
  });

  it('starts nothing when the budget is over, the time of the attempts counted', async () => {
    const clock = new VirtualClock();
    let attempts = 0;
    const action = async () => {
      attempts++;
      clock.advance(400);
      throw new Error('slow');
    };
    await rejection(
      retry({ ...policy, attempts: 100, budgetMs: 2_000 }, { clock, random: () => 0.999 }, always, action),
    );
    expect(clock.elapsed()).toBeLessThanOrEqual(2_000 + 400);
    expect(attempts).toBe(4);
  });

  it('is called off in a pause', async () => {
    const clock = new VirtualClock();
    const ending = new AbortController();
    clock.at(120, () => ending.abort(new Error('enough')));
    const { attempts, action } = failing(99);
    const tools = { clock, random: () => 0.999, signal: ending.signal };
    expect(String(await rejection(retry(policy, tools, always, action)))).toContain('enough');
    expect(attempts).toHaveLength(2);
  });

  it('pauses by chance below a bound that doubles up to a cap', async () => {
    const chance = new Chance();
    const cases = 300;
    const longest = [0, 0, 0, 0, 0];
    for (let i = 0; i < cases; i++) {
      const clock = new VirtualClock();
      const tools = { clock, random: () => chance.below(1_000) / 1_000 };
      await rejection(retry(policy, tools, always, failing(99).action));
      for (const [n, pause] of clock.sleeps.entries()) {
        expect(pause).toBeLessThan([100, 200, 400, 800, 1_000][n]!);
        longest[n] = Math.max(longest[n]!, pause);
      }
    }
    expect(longest.map((pause, n) => pause > [90, 180, 360, 720, 900][n]!)).toEqual(Array(5).fill(true));
    console.log(`retry: ${cases} courses of six attempts, seed ${chance.seed}`);
  });
});

describe('durations', () => {
  it.each([
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['1m500ms', 60_500],
    ['2d', 2 * DAY],
    ['0s', 0],
    ['007s', 7_000],
  ])('%s is %i', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each([
    '',
    '5',
    's',
    '-5s',
    '+5s',
    '5 s',
    '5S',
    '1.5h',
    '5m3',
    '5sec',
    '1h 30m',
    '1e3s',
    '5s\n',
    '9999999999s',
    '\u0665s',
  ])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('one that is too long to count is none', () => {
    expect(parseDuration('999999999d'.repeat(200))).toBeUndefined();
  });

  it.each([
    [0, '0.0 s'],
    [300, '0.3 s'],
    [9_949, '9.9 s'],
    [9_960, '10 s'],
    [12_400, '12 s'],
    [59_499, '59 s'],
    [59_600, '1 m 00 s'],
    [60_000, '1 m 00 s'],
    [185_000, '3 m 05 s'],
    [3_599_600, '1 h 00 m'],
    [7_800_000, '2 h 10 m'],
    [7_199_999, '2 h 00 m'],
    [100_000_000, '27 h 47 m'],
  ])('%i ms are said as %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });
});
