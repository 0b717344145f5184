import type { Cost } from './measure.ts';

/** What `docs/bench.json` holds: every run as it was measured. The page and the picture are made from it and from nothing else. */
export interface Results {
  readonly machine: string;
  readonly reading?: ReadingResult;
  readonly boot?: BootResult;
  readonly rest?: RestResult;
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

export interface BootRun {
  /** Seconds that the installation of the packages took, before: it is the same for both, and not in the rest. */
  readonly packages: number;
  /** Seconds from the start of the script to a machine that is ready. */
  readonly wall: number;
  /** Processor seconds of the whole instance, until some seconds after that. */
  readonly cpu: number;
  readonly phases: readonly { readonly name: string; readonly seconds: number }[];
}

export interface BootResult {
  readonly at: string;
  readonly rounds: number;
  readonly stores: readonly BootPair[];
}

export interface BootPair {
  /** How long the store waits before it answers a request, milliseconds. */
  readonly latencyMs: number;
  readonly haulout: readonly BootRun[];
  readonly script: readonly BootRun[];
}

export interface RestResult {
  readonly at: string;
  readonly syncs: number;
  /** Processor seconds of the agent alone. */
  readonly cpuPerSync: number;
  /** MiB resident, before and after. */
  readonly memory: readonly [number, number];
}
