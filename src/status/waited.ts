import type { Wait } from '../lib/waits.ts';

/** A wait as the status tells it. */
export interface Waited extends Wait {
  /** Of the boot: before the first round after it that ended well. Else of the last round that waited. */
  readonly boot: boolean;
}

/** The same waits, of two lives of one agent: what one began and the next went on with is one. */
export function joinWaits(before: readonly Wait[], after: readonly Wait[]): Wait[] {
  const joined = new Map(before.map((wait) => [nameOf(wait), { ...wait, over: true }]));
  for (const wait of after) {
    const known = joined.get(nameOf(wait));
    joined.set(nameOf(wait), known ? { ...known, ms: known.ms + wait.ms, over: wait.over } : wait);
  }
  return [...joined.values()];
}

export function isWait(value: unknown): value is Wait {
  if (typeof value !== 'object' || value === null) return false;
  const { step, subject, code, since, ms, over } = value as Record<string, unknown>;
  const texts = [step, subject, code, since].every((text) => typeof text === 'string' && text.length <= MOST_TEXT);
  return texts && Number.isSafeInteger(ms) && typeof over === 'boolean';
}

/** Longer than the address of a bucket with a key in it can be. */
const MOST_TEXT = 2_000;

const nameOf = ({ step, subject, code }: Wait) => JSON.stringify([step, subject, code]);
