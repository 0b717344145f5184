import { expect, it } from 'vitest';
import { untilRetry } from '../../src/agent/resident.ts';
import type { Status } from '../../src/status/status.ts';

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
  expect(untilRetry(status, NOW)).toBe(ms);
});
