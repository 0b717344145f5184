import type { Status } from '../../status/status.ts';
import { compareRows, type Row } from './row.ts';

/** A status that is kept whole. */
export interface Detail {
  readonly row: Row;
  readonly status: Status;
}

/** The statuses that a page tells in detail: as many as there is room for, and of more those that are worst. */
export class Details {
  readonly #most: number;
  readonly #now: () => number;
  #kept: Detail[] = [];

  constructor(most: number, now: () => number) {
    this.#most = most;
    this.#now = now;
  }

  readonly add = (row: Row, status: Status): void => {
    this.#kept.push({ row, status });
    // Not after each: a fleet of ten thousand is sorted some fifty times.
    if (this.#kept.length > 2 * this.#most) this.#drop();
  };

  worstFirst(): readonly Detail[] {
    this.#drop();
    return this.#kept;
  }

  #drop(): void {
    const compare = compareRows(this.#now());
    this.#kept = this.#kept.sort((one, other) => compare(one.row, other.row)).slice(0, this.#most);
  }
}
