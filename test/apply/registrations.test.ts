import { expect, it } from 'vitest';
import { renewalPeriods } from '../../src/apply/registrations.ts';
import { NOW, registerSpec } from '../support/planned.ts';

const MINUTE = 60_000;
const RENEW = 10 * MINUTE;
const spec = { registrations: [registerSpec('monitor', { renewMs: RENEW }), registerSpec('once')] };
const at = (now: number, instance = 'i-1') => renewalPeriods(spec, instance, now)['monitor']!;

it('a period of `renew` is as long as it says; without the word there is none', () => {
  const begins = Array.from({ length: 40 }, (_, minute) => NOW + minute * MINUTE).filter(
    (now) => at(now) !== at(now - MINUTE),
  );
  expect(begins).toHaveLength(4);
  expect(new Set(begins.slice(1).map((now, index) => now - begins[index]!))).toEqual(new Set([RENEW]));
  expect(renewalPeriods(spec, 'i-1', NOW)).not.toHaveProperty('once');
});

it('law 10: a thousand instances begin it in all parts of that time', () => {
  const turns = Array.from({ length: 10 }, () => 0);
  for (let host = 0; host < 1_000; host++) {
    const minute = Array.from({ length: 10 }, (_, index) => index).find(
      (index) => at(NOW + (index + 1) * MINUTE, `i-${host}`) !== at(NOW + index * MINUTE, `i-${host}`),
    );
    turns[minute!]!++;
  }
  for (const turn of turns) expect(turn).toBeGreaterThan(50);
});
