import type { Mistake, Place } from './spec.ts';

/** What a reader of one value found wrong; `index` counts from the value's first character. */
export interface Problem {
  readonly what: string;
  readonly instead: string;
  readonly index?: number;
}

const MOST = 500;

/** Collects the findings of one file, so that all of them are told at once. */
export class Report {
  readonly file: string;
  readonly #mistakes: Mistake[] = [];
  readonly #warnings: Mistake[] = [];
  #beyond = 0;

  constructor(file: string) {
    this.file = file;
  }

  mistake(at: Place, what: string, instead: string): void {
    if (this.#mistakes.length < MOST) this.#mistakes.push({ at, what, instead });
    else this.#beyond++;
  }

  warn(at: Place, what: string, instead: string): void {
    if (this.#warnings.length < MOST) this.#warnings.push({ at, what, instead });
  }

  place(line: number, column: number): Place {
    return { file: this.file, line, column };
  }

  get mistakes(): readonly Mistake[] {
    const sorted = this.#mistakes.toSorted(byPlace);
    const last = sorted.at(-1);
    if (this.#beyond === 0 || !last) return sorted;
    const what = `there are ${this.#beyond} more mistakes`;
    return [...sorted, { at: last.at, what, instead: 'correct the ones above first, then look again' }];
  }

  get warnings(): readonly Mistake[] {
    return this.#warnings.toSorted(byPlace);
  }
}

/** The place `index` characters into the text that starts at `start`; an astral character is one character. */
export function into(start: Place, text: string, index: number): Place {
  return { ...start, column: start.column + characters(text.slice(0, index)) };
}

export function characters(text: string): number {
  return [...text].length;
}

function byPlace(a: Mistake, b: Mistake): number {
  return a.at.line - b.at.line || a.at.column - b.at.column;
}
