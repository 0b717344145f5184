import { expect, it } from 'vitest';
import { leaseExpiry } from '../../src/fleet/lease.ts';

const NOW = Date.UTC(2026, 10, 20, 10);
const MINUTE = 60_000;

it.each([
  ['every two seconds: ten minutes all the same', 2_000, 0, 1_000, 10],
  ['every minute', MINUTE, 10_000, 5_000, 10],
  [
    'every five minutes: three of them, its moment in the fleet and the time the bucket needs',
    5 * MINUTE,
    30_000,
    30_000,
    16,
  ],
  ['once a night', 1_440 * MINUTE, 0, 0, 3 * 1_440],
])('a lease of who syncs %s', (_, intervalMs, splayMs, settleMs, minutes) => {
  expect(leaseExpiry(NOW, { intervalMs, splayMs, settleMs })).toBe(new Date(NOW + minutes * MINUTE).toISOString());
});

it('a schedule of the 29th of February is no date beyond all dates', () => {
  const intervalMs = 8e15;
  expect(Date.parse(leaseExpiry(NOW, { intervalMs, splayMs: 0, settleMs: 0 }))).toBe(8.64e15);
});
