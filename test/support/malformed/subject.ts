import type fc from 'fast-check';

/** What became of an input: it was taken, or it was refused in the reader's own words. Anything else is thrown. */
export type Outcome = 'good' | 'refused';

/** A reader of the product, and inputs that are nearly what it reads. */
export interface Subject {
  readonly name: string;
  readonly inputs: fc.Arbitrary<Buffer>;
  feed(input: Buffer): Outcome | Promise<Outcome>;
  /** What is wrong around the reader by now; undefined: nothing. Asked now and then. */
  readonly damage?: () => string | undefined;
  readonly close?: () => Promise<void>;
}
