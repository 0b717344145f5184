import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Mutant {
  readonly id: string;
  readonly law: number;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly tests: readonly string[];
}

const list = new URL('../mutants/mutants.mjs', import.meta.url).href;
const { MUTANTS } = (await import(list)) as { readonly MUTANTS: readonly Mutant[] };

/** The long run that kills them is `npm run mutants`; here is what must hold for it to mean something. */
describe('the mutants', () => {
  it.each(MUTANTS.map((mutant) => [mutant.id, mutant] as const))('%s breaks one line that is there', (_, mutant) => {
    const source = readFileSync(new URL(`../../${mutant.file}`, import.meta.url), 'utf8');
    expect(source.split(mutant.find)).toHaveLength(2);
    expect(mutant.replace).not.toBe(mutant.find);
    for (const test of mutant.tests) expect(existsSync(new URL(`../../${test}`, import.meta.url)), test).toBe(true);
  });

  it('are two at least for each law, each with a name of its own', () => {
    const laws = Array.from({ length: 12 }, (_, index) => index + 1);
    for (const law of laws)
      expect(MUTANTS.filter((mutant) => mutant.law === law).length, `law ${law}`).toBeGreaterThan(1);
    expect(new Set(MUTANTS.map(({ id }) => id)).size).toBe(MUTANTS.length);
  });
});
