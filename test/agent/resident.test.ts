import { expect, it, onTestFinished } from 'vitest';
import type { Requests } from '../../src/agent/requests.ts';
import { Resident, untilRetry } from '../../src/agent/resident.ts';
import type { World } from '../../src/agent/world.ts';
import { leaseExpiry } from '../../src/fleet/lease.ts';
import type { Identity } from '../../src/metadata/provider.ts';
import type { Status } from '../../src/status/status.ts';
import { SteppedClock } from '../support/stepped-clock.ts';

const NOW = Date.UTC(2026, 10, 20);
const waitingFor = (...from: number[]) =>
  ({
    health: 'degraded',
    lastSync: { steps: 0 },
    waiting: from.map((ms) => ({ subject: 'service:web', code: 'x', failures: 1, nextTry: NOW + ms })),
  }) as unknown as Status;

it.each<[string, Status, number]>([
  ['the first of those that wait', waitingFor(40_000, 20_000), 20_000],
  ['one that is due', waitingFor(-5_000), 1_000],
  ['a clock that was set back by hours', waitingFor(7_200_000), 900_000],
  ['nothing that waits', waitingFor(), Number.POSITIVE_INFINITY],
])('the next try after a failure: %s', (_, status, ms) => {
  expect(untilRetry(status, NOW, 0, () => 0)).toBe(ms);
});

it.each([
  ['at first', 0, [4_000, 7_000, 10_000]],
  ['for two minutes', 120_000, [4_000, 7_000, 10_000]],
  ['for four', 240_000, [4_000, 10_000, 16_000]],
  ['for an hour', 3_600_000, [4_000, 19_000, 34_000]],
])('hosts that never came up knock at their own moments: %s', (_, aliveMs, ms) => {
  const failed = { ...waitingFor(), health: 'failed' } as Status;
  const pauses = [0, 0.5, 1].map((part) => untilRetry(failed, NOW, aliveMs, (window) => part * window));
  expect(pauses).toEqual(ms);
});

/** The life of one host, whose rounds end at once because its metadata is silent; when they began, in milliseconds. */
async function livingAt(
  instanceId: string,
  splayMs: number,
  wakeMs: number,
  more: { schedule?: string; ms?: number; isLeaving?: boolean } = {},
) {
  const { schedule = '0 0 1 1 *', ms = 0, isLeaving = false } = more;
  const clock = new SteppedClock();
  const rounds: number[] = [];
  const renewed: number[] = [];
  const identity = { instanceId } as Identity;
  const report = async () => void rounds.push(clock.elapsed());
  const presence = { told: () => ({}), isLeaving: false };
  const told = {
    clock,
    report,
    retell: async () => void renewed.push(clock.elapsed()),
    waits: { told: () => [], turn: async () => (ms > 0 ? await clock.sleep(ms) : undefined) },
    presence,
  };
  const world = {
    ...{ ...told, settings: { role: 'web' }, store: { name: 's3://b/p', cost: () => ({ requests: 0, bytes: 0 }) } },
    state: { readLedger: () => Promise.reject(new Error('on purpose')) },
  } as unknown as World;
  world.presence.know = async () => undefined;
  const requests = { pending: async () => [], answer: async () => undefined } as unknown as Requests;
  const rhythm = { schedule, timezone: 'UTC', splayMs, wakeMs };
  const resident = new Resident(world, { identity, last: undefined, strangers: [] }, requests, () => rhythm);
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  // Nothing failed as far as the pauses are concerned: only a call begins the next round.
  void resident.live(stop.signal, (status) => Object.assign(status, { health: 'healthy' }));
  await clock.advance(1_000);
  presence.isLeaving = isLeaving;
  return { clock, rounds, renewed, resident };
}

const HOSTS = Array.from({ length: 200 }, (_, index) => `i-${String(index).padStart(17, '0')}`);

it.each([
  ['ten seconds, less the two between its looks', 30_000, 2_000, 8_000],
  ['the splay where that is less', 4_000, 1_000, 3_000],
  ['no time at all where there is no splay', 0, 1_000, 1],
  ['no time at all where looks are further apart', 30_000, 15_000, 1],
])('a call moves each host of a fleet once, at its own moment of %s', async (_, splayMs, wakeMs, windowMs) => {
  const moments: number[] = [];
  for (const host of HOSTS) {
    const { clock, rounds, resident } = await livingAt(host, splayMs, wakeMs);
    resident.call();
    await clock.advance(2_000);
    resident.call(); // who calls twice moves nobody twice, and nobody later
    await clock.advance(30_000);
    const [begun = 0, moved = Number.NaN, ...more] = rounds;
    expect(begun).toBe(0);
    moments.push(moved - 1_000);
    if (moved - 1_000 > 2_000) expect(more).toEqual([]);
  }
  expect(Math.max(...moments)).toBeLessThan(windowMs);
  if (windowMs > 1) {
    const parts = Array.from({ length: 4 }, (_, part) =>
      moments.filter((at) => Math.floor((at * 4) / windowMs) === part),
    );
    for (const part of parts) expect(part.length).toBeGreaterThan(25);
  }
});

it.each([
  ['each hour', '0 * * * *', 70, [70, 70 + 70]],
  ['once a day, at a time in the round', '30 10 * * *', 70, [70, 70 + 70]],
  ['at the minute in which the round begins', '0 10 * * *', 70, [70]],
  ['after the round', '20 11 * * *', 70, [70, 80 + 70]],
])('what comes due in a long round is looked for after it: %s', async (_, schedule, minutes, ends) => {
  // Ten o'clock; a round is told when it ends.
  const { clock, rounds } = await livingAt('i-1', 0, 0, { schedule, ms: minutes * 60_000 });
  await clock.advance(155 * 60_000);
  expect(rounds.map((at) => Math.floor(at / 60_000))).toEqual(ends);
});

it.each([
  ['of an hour is told of as it goes on: whoever reads it does not take its host for lost', 3_600_000, false, 17],
  ['of three minutes is not', 180_000, false, 0],
  ['is left to the goodbye, where there is one', 3_600_000, true, 0],
])('a round %s', async (_, ms, isLeaving, times) => {
  const { clock, rounds, renewed } = await livingAt('i-1', 0, 0, { ms, isLeaving });
  await clock.advance(ms - 2_000);
  expect([rounds, renewed.length]).toEqual([[], times]);
  const pauses = [...renewed, ms].map((at, index) => at - (renewed[index - 1] ?? 0));
  const shortest = Date.parse(leaseExpiry(0, { intervalMs: 1_000, splayMs: 0, settleMs: 0 }));
  if (times > 0) expect(Math.max(...pauses)).toBeLessThan(shortest / 2);
  await clock.advance(3_600_000);
  expect([rounds, renewed.length]).toEqual([[ms], times]);
});
