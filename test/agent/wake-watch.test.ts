import { describe, expect, it, onTestFinished } from 'vitest';
import { type WakeParts, WakeWatch } from '../../src/agent/wake-watch.ts';
import { S3Error } from '../../src/aws/s3-error.ts';
import type { SmallObject } from '../../src/aws/small-objects.ts';
import { SteppedClock } from '../support/stepped-clock.ts';

const SECOND = 1_000;
const absent = new S3Error(404, 'NoSuchKey', 'GetObject', 'wake');
const forbidden = new S3Error(403, 'AccessDenied', 'GetObject', 'wake');

/** A store with the one object, that counts who asks. */
function watching(how: Partial<Pick<WakeParts, 'everyMs' | 'firstMs'>> = {}) {
  const clock = new SteppedClock();
  const store: { holds: Omit<SmallObject, 'ageMs'> | Error; writtenAt: number } = { holds: absent, writtenAt: 0 };
  const looks: number[] = [];
  const calls: number[] = [];
  const said: string[] = [];
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const watch = new WakeWatch({
    clock,
    log: { debug: (text) => said.push(text) },
    role: 'planet',
    everyMs: how.everyMs ?? (() => 15 * SECOND),
    firstMs: how.firstMs ?? ((every) => every),
    onWake: () => calls.push(clock.elapsed() / SECOND),
    look: async (etag) => {
      looks.push(clock.elapsed() / SECOND);
      const { holds, writtenAt } = store;
      if (holds instanceof Error) throw holds;
      return holds.etag === etag ? undefined : { ...holds, ageMs: clock.elapsed() - writtenAt };
    },
  });
  for (let time = 0; time < 2; time++) watch.begin(stop.signal);
  const touch = (etag: string, text = '') => {
    store.holds = { etag, body: Buffer.from(text) };
    store.writtenAt = clock.elapsed();
  };
  return { clock, store, looks, calls, said, touch };
}

describe('the desk calls', () => {
  it('and each host has its own moment to hear it', async () => {
    const { clock, looks } = watching({ firstMs: (every) => every - 11 * SECOND });
    await clock.advance(40 * SECOND);
    expect(looks).toEqual([4, 19, 34]);
  });

  it('and is heard at the next look, each time', async () => {
    const { clock, calls, touch, looks } = watching();
    await clock.advance(20 * SECOND);
    touch('"a"');
    await clock.advance(30 * SECOND);
    touch('"b"');
    await clock.advance(60 * SECOND);
    expect([calls, looks]).toEqual([
      [30, 60],
      [15, 30, 45, 60, 75, 90, 105],
    ]);
  });

  it('what was there before the agent is no call, what came while it started is one', async () => {
    const old = watching();
    old.touch('"a"');
    old.store.writtenAt = -60 * SECOND;
    await old.clock.advance(60 * SECOND);
    const young = watching();
    await young.clock.advance(SECOND);
    young.touch('"a"');
    await young.clock.advance(60 * SECOND);
    expect([old.calls, young.calls]).toEqual([[], [15]]);
  });

  it('an object that goes is none, one that comes back is one', async () => {
    const { clock, store, calls, touch } = watching();
    touch('"a"');
    await clock.advance(20 * SECOND);
    store.holds = absent;
    await clock.advance(20 * SECOND);
    touch('"a"');
    await clock.advance(20 * SECOND);
    expect(calls).toEqual([15, 45]);
  });

  it('other roles, and is not for this one', async () => {
    const { clock, calls, touch } = watching();
    await clock.advance(20 * SECOND);
    touch('"a"', '{"schema":1,"roles":["shop"]}');
    await clock.advance(20 * SECOND);
    touch('"b"', '{"schema":1,"roles":["planet"]}');
    await clock.advance(20 * SECOND);
    expect(calls).toEqual([45]);
  });
});

describe('looking', () => {
  it('a store that refuses is asked ever more seldom, five minutes at last, and at the usual pace when it answers again', async () => {
    const { clock, store, looks, calls, said, touch } = watching();
    store.holds = forbidden;
    await clock.advance(1_300 * SECOND);
    expect(looks).toEqual([15, 45, 105, 225, 465, 765, 1_065]);
    touch('"a"');
    await clock.advance(95 * SECOND);
    expect([looks.slice(7), calls]).toEqual([[1_365, 1_380, 1_395], [1_365]]);
    expect(said).toHaveLength(7);
  });

  it('nobody looks while it is switched off, and somebody does soon after it is switched on', async () => {
    let every = 0;
    const { clock, looks } = watching({ everyMs: () => every });
    await clock.advance(3_600 * SECOND);
    expect(looks).toEqual([]);
    every = 60 * SECOND;
    await clock.advance(150 * SECOND);
    const seen = [3_615, 3_675, 3_735];
    expect(looks).toEqual(seen);
    every = 0;
    await clock.advance(600 * SECOND);
    expect(looks).toEqual(seen);
  });
});
