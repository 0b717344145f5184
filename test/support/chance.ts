import { pick, randomFrom, SEED } from './seeded.ts';

/** One property test's chance: what it draws, and the seed to say when it fails. */
export class Chance {
  readonly seed = SEED;
  /** A whole number from 0 to one less than what it is given. */
  readonly below = randomFrom(SEED);

  pick<T>(from: readonly T[]): T {
    return pick(from, this.below);
  }

  /** Up to `most` of the pieces, in a row. */
  text(pieces: readonly string[], most: number): string {
    return Array.from({ length: this.below(most + 1) }, () => this.pick(pieces)).join('');
  }
}
