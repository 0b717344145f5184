/** Chance for tests that can be had again: a seed from SEED, or the day's fixed one, and what is drawn from it. */

/** SEED=n in the environment gives every property test another life. */
export const SEED = Number(process.env['SEED'] ?? 20_261_120);

/** mulberry32: the same numbers below `below` for the same seed on every machine. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export function pick<T>(items: readonly T[], random: (below: number) => number): T {
  return items[random(items.length)]!;
}

/** Nothing in it can be changed any more: whoever tries, throws. */
export function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFrozen(inner);
  }
  return value;
}
