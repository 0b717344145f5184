import type { Cost } from './measure.ts';

/** What `docs/bench.json` holds: every run as it was measured. The page and the picture are made from it and from nothing else. */
export interface Results {
  readonly machine: string;
  readonly reading?: ReadingResult;
}

export interface ClientRuns {
  readonly name: string;
  readonly version: string;
  readonly runs: readonly Cost[];
}

export interface ReadingPhase {
  readonly name: string;
  readonly objects: number;
  /** Bytes of each. */
  readonly size: number;
  readonly clients: readonly ClientRuns[];
}

export interface ReadingResult {
  readonly at: string;
  readonly rounds: number;
  readonly phases: readonly ReadingPhase[];
}
