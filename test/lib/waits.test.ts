import { describe, expect, it } from 'vitest';
import { HauloutError } from '../../src/lib/errors.ts';
import { retry } from '../../src/lib/retry.ts';
import { NOTICEABLE_MS, type Wait, Waits } from '../../src/lib/waits.ts';
import { VirtualClock } from '../support/clock.ts';
import { rejection } from '../support/readers.ts';
import { SteppedClock } from '../support/stepped-clock.ts';

const START = Date.UTC(2026, 10, 20, 10, 15, 0);
const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });

function setting(): { clock: VirtualClock; waits: Waits; told: Wait[] } {
  const clock = new VirtualClock(START);
  const told: Wait[] = [];
  return { clock, told, waits: new Waits(clock, (wait) => told.push(wait)) };
}

describe('what was waited for', () => {
  it('is counted from when it was wanted until it came', () => {
    const { clock, waits, told } = setting();
    const bucket = waits.for('bucket', 's3://b/p');
    clock.advance(5_000);
    bucket.missed(refused, 0);
    expect(waits.noticeable()).toEqual([
      {
        step: 'bucket',
        subject: 's3://b/p',
        code: 'ECONNREFUSED',
        since: new Date(START).toISOString(),
        ms: 5_000,
        over: false,
      },
    ]);
    clock.advance(2_000);
    bucket.missed(refused, 0);
    clock.advance(1_000);
    bucket.over();
    clock.advance(60_000);
    expect(waits.noticeable()).toMatchObject([{ ms: 8_000, over: true }]);
    expect(told.map(({ ms, over }) => [ms, over])).toEqual([
      [5_000, false],
      [8_000, true],
    ]);
  });

  it('is nothing when nobody would notice', () => {
    const { clock, waits, told } = setting();
    const bucket = waits.for('bucket', 's3://b/p');
    bucket.missed(refused, 0);
    clock.advance(NOTICEABLE_MS - 1);
    bucket.over();
    expect([waits.noticeable(), told]).toEqual([[], []]);
  });

  it('is told by its reasons, one after the other, the system’s own word first', () => {
    const { clock, waits } = setting();
    const bucket = waits.for('bucket', 's3://b/p');
    const trouble = { code: 'store-unreachable', step: 'bucket', subject: 'h', reason: 'r', hint: 'h' };
    clock.advance(3_000);
    bucket.missed(new HauloutError(trouble, Object.assign(new Error('x'), { code: 'ENOTFOUND' })), 0);
    clock.advance(2_000);
    bucket.missed(refused, 0);
    clock.advance(4_000);
    bucket.missed(new Error('odd'), 0);
    clock.advance(1_500);
    bucket.over();
    expect(waits.noticeable().map(({ code, ms }) => [code, ms])).toEqual([
      ['ENOTFOUND', 5_000],
      ['ECONNREFUSED', 4_000],
      ['not-yet', 1_500],
    ]);
  });

  it('of many who wait side by side is as long as the time that passed, not as the sum', () => {
    const { clock, waits } = setting();
    const bucket = waits.for('bucket', 's3://b/p');
    for (let second = 1; second <= 10; second++) {
      clock.advance(1_000);
      for (let request = 0; request < 16; request++) bucket.missed(refused, 0);
    }
    bucket.over();
    bucket.missed(refused, 0);
    clock.advance(500);
    bucket.over();
    expect(waits.noticeable()).toMatchObject([{ ms: 10_500 }]);
  });

  it('has a beginning by a clock that is set meanwhile, and a length that is not', () => {
    const clock = new SteppedClock(START);
    const waits = new Waits(clock);
    const metadata = waits.for('metadata', 'm');
    clock.set(-3_600_000);
    metadata.missed(refused, clock.elapsed());
    clock.set(50 * 365 * 86_400_000);
    expect(waits.noticeable()).toEqual([]);
  });

  it('is forgotten when it is over, and goes on when it is not', () => {
    const { clock, waits } = setting();
    const [bucket, metadata] = [waits.for('bucket', 'b'), waits.for('metadata', 'm')];
    bucket.missed(refused, 0);
    metadata.missed(refused, 0);
    clock.advance(2_000);
    bucket.over();
    waits.forget();
    clock.advance(1_000);
    expect(waits.noticeable()).toMatchObject([{ step: 'metadata', ms: 3_000, over: false }]);
  });

  it('stays a short list, whatever a store answers', () => {
    const { clock, waits } = setting();
    const bucket = waits.for('bucket', 'b');
    for (let n = 0; n < 5_000; n++) {
      bucket.missed({ code: `s3-Word${n}` }, 0);
      clock.advance(2_000);
    }
    bucket.over();
    expect(waits.noticeable().length).toBeLessThanOrEqual(51);
    expect(waits.noticeable().at(-1)).toMatchObject({ code: 's3-Word4999' });
  });
});

describe('retry tells', () => {
  const policy = { attempts: 4, baseMs: 10_000, capMs: 10_000, budgetMs: 60_000 };

  it('what it waited for, the time of its tries counted', async () => {
    const { clock, waits } = setting();
    const tools = { clock, random: () => 0.5, patience: waits.for('bucket', 'b') };
    await retry(
      policy,
      tools,
      () => true,
      async (attempt) => {
        clock.advance(1_000);
        if (attempt < 3) throw refused;
      },
    );
    expect(waits.noticeable()).toMatchObject([
      { code: 'ECONNREFUSED', ms: 1_000 + 5_000 + 1_000 + 5_000 + 1_000, over: true },
    ]);
  });

  it('also when it gave up; nobody waits any more then', async () => {
    const { clock, waits } = setting();
    const tools = { clock, random: () => 0.5, patience: waits.for('bucket', 'b') };
    await rejection(
      retry(
        policy,
        tools,
        () => true,
        () => Promise.reject(refused),
      ),
    );
    clock.advance(99_000);
    expect(waits.noticeable()).toMatchObject([{ ms: 15_000, over: true }]);
  });

  it('nothing of what was an answer', async () => {
    const { clock, waits } = setting();
    const tools = { clock, random: () => 0.5, patience: waits.for('bucket', 'b') };
    const action = () => {
      clock.advance(9_000);
      return Promise.reject(refused);
    };
    await rejection(retry(policy, tools, () => false, action));
    expect(waits.noticeable()).toEqual([]);
  });
});
