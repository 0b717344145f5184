import { expect, it } from 'vitest';
import { feedAll, told } from '../support/malformed/run.ts';
import { SUBJECTS } from '../support/malformed/subjects.ts';
import { command, describeWith } from '../support/needs.ts';
import { SEED } from '../support/seeded.ts';

const INPUTS = 400;
/** Each starts a process. */
const PACKED_INPUTS = 60;

/** A sample of `npm run soak inputs`, which feeds a hundred thousand to each reader. */
async function survives(name: string, inputs: number): Promise<void> {
  const tally = await feedAll(await SUBJECTS[name]!(), inputs, SEED, () => undefined);
  process.stdout.write(`${told(tally)}\n`);
  expect(tally.inputs).toBe(inputs);
  // All refused, or none, would mean that the inputs try nothing.
  expect(Math.min(tally.good, tally.refused)).toBeGreaterThan(0);
}

it.each(Object.keys(SUBJECTS).filter((name) => name !== 'bz2'))(
  `the reader of %s takes or refuses ${INPUTS} malformed inputs (seed ${SEED})`,
  (name) => survives(name, INPUTS),
  120_000,
);

describeWith([command('bzip2', 'bzip2')], 'the reader of bz2', () => {
  it(
    `takes or refuses ${PACKED_INPUTS} malformed inputs (seed ${SEED})`,
    () => survives('bz2', PACKED_INPUTS),
    120_000,
  );
});
