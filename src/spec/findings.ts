import type { Mistake, Place } from './spec.ts';

export interface FindingsOf {
  readonly mistakes: readonly Mistake[];
  readonly warnings: readonly Mistake[];
}

/** Findings about things that have no lines: a path in the bucket is a place, and so is a line of the spec. */
export class Findings implements FindingsOf {
  readonly mistakes: Mistake[] = [];
  readonly warnings: Mistake[] = [];

  mistake(where: string | Place, what: string, instead: string): void {
    this.mistakes.push({ at: placeOf(where), what, instead });
  }

  warn(where: string | Place, what: string, instead: string): void {
    this.warnings.push({ at: placeOf(where), what, instead });
  }
}

function placeOf(where: string | Place): Place {
  return typeof where === 'string' ? { file: where, line: 1, column: 1 } : where;
}
