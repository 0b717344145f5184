import { expect, it } from 'vitest';
import { randomFrom, SEED } from '../support/seeded.ts';
import { type Load, type Scenario, simulate } from '../support/simulated-agents.ts';

const HOSTS = 600;
const HOUR = 3_600_000;
const fleet = (more: Partial<Scenario> = {}): Load =>
  simulate(
    { hosts: HOSTS, schedule: '*/5 * * * *', splayMs: 30_000, lengthMs: HOUR, bootSpreadMs: 0, ...more },
    randomFrom(SEED),
  );

/** A sample of `npm run soak fleet`, which does it with ten thousand hosts and prints it. Law 10: the fleet never moves at once. */
it(`hosts that were launched in one second look at the bucket in thirty (seed ${SEED})`, () => {
  const load = fleet();
  expect(load.total(['look', 'status', 'wake'], 900_000, 1_800_000) / HOSTS).toBeCloseTo(3 * (3 + 1 + 20), 0);
  const atOnce = HOSTS / 30;
  expect(load.peak(['status'], 60_000, HOUR)).toBeLessThan(3 * atOnce);
  expect(load.peak(['wake'], 60_000, HOUR)).toBeLessThan(3 * (HOSTS / 15));
});

it('without a splay they would all come in one second: what is counted above can be seen', () => {
  expect(fleet({ splayMs: 0 }).peak(['status'], 60_000, HOUR)).toBe(HOSTS);
});

it('hosts that had an hour without the bucket come back in their own moments', () => {
  const load = fleet({ lengthMs: 3 * HOUR, outage: [HOUR, 2 * HOUR] });
  expect(load.total(['status'], HOUR, 2 * HOUR)).toBe(0);
  expect(load.total(['status'], 2 * HOUR, 2 * HOUR + 360_000)).toBeGreaterThanOrEqual(HOSTS);
  expect(load.peak(['status'], 2 * HOUR, 3 * HOUR)).toBeLessThan(5 * (HOSTS / 30));
});

it('hosts that were launched into an hour without the bucket come up in half a minute, each at its own moment', () => {
  const load = fleet({ lengthMs: 2 * HOUR, outage: [0, HOUR] });
  expect(load.total(['status'], 0, HOUR)).toBe(0);
  expect(load.reached(HOUR, HOSTS)).toBeLessThanOrEqual(40_000);
  expect(load.peak(['status'], HOUR, HOUR + 120_000)).toBeLessThan(4 * (HOSTS / 30));
});

it('hosts that the desk calls follow within a quarter of a minute, each at its own moment', () => {
  const calledAt = HOUR / 2 + 60_000;
  const load = fleet({ calledAt });
  expect(load.reached(calledAt, HOSTS)).toBeLessThanOrEqual(16_000);
  expect(load.peak(['status'], calledAt, calledAt + 60_000)).toBeLessThan(3 * (HOSTS / 15));
});
