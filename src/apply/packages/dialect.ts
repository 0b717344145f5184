/** A program and its arguments. */
export type Argv = readonly [string, ...string[]];

/** What is asked of a package manager, and how its answer is read. */
export interface Question<Answer> {
  readonly argv: Argv;
  readonly read: (stdout: string) => Answer;
}

/** By name, the newest version first, as the manager spells them. */
export type Versions = ReadonlyMap<string, readonly string[]>;

/** One package of a transaction. */
export interface Order {
  readonly name: string;
  /** Exact: one that the manager itself has named. undefined: whichever it takes. */
  readonly version: string | undefined;
  /** An older one is there, or none, and the newest is wanted; `candidate` is its version where the manager has named it. */
  readonly latest: boolean;
  readonly candidate: string | undefined;
}

/** What an ending tells, where it tells something. Otherwise exit code 0 is `done`, and all else has just failed. */
export type Meaning = 'done' | 'locked' | 'unknown' | 'unreachable' | 'conflict' | 'full';

/** Both must fit, where both are given. The first row that fits counts. */
export interface MeaningRow {
  readonly code?: number;
  /** In the output of the C locale. */
  readonly words?: RegExp;
  readonly means: Meaning;
}

/**
 * A package manager as values: argument lists, and how its answers and endings are read. One program asks them all
 * (driver.ts), so what is true for one (locks, patience, looking again afterwards) is true for all.
 */
export interface Dialect {
  readonly name: string;
  /** Programs that must be there, and one of the `databases`: then a machine has this manager. */
  readonly programs: readonly [string, ...string[]];
  /** Files that change whenever something is installed or removed. */
  readonly databases: readonly string[];
  /** Files that it holds a record lock on while it is at work, where it says so. */
  readonly locks?: readonly string[];
  /** Words of `ID` or `ID_LIKE` in os-release(5): whose own manager it is, where a machine has two. */
  readonly families: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Arguments that say how and not what: left out where a command is told to a person. */
  readonly options: readonly string[];
  readonly installed: Question<Versions>;
  /** Of these, what an upgrade would bring. */
  candidates(names: readonly string[]): Question<Versions>;
  /** All versions of these that can be had. */
  available(names: readonly string[]): Question<Versions>;
  /** Fetches the lists of what can be had. */
  readonly refresh: Argv;
  readonly upgrade: Argv;
  install(orders: readonly Order[]): Argv;
  remove(names: readonly string[]): Argv;
  readonly meanings: readonly MeaningRow[];
  /** Its own words for what is wrong: the first group that took part. */
  readonly complaint: RegExp;
  /** What a kill or a failed script left half done, and what works it off, one after the other as long as it is needed. */
  readonly repair?: { readonly isNeeded: () => Promise<boolean>; readonly steps: readonly Argv[] };
}

/** How long another package manager at its work is waited for. */
export const LOCK_SECONDS = 600;

/** Versions by name out of pairs, in the order they come, each once. */
export function collect(pairs: Iterable<readonly [name: string, version: string]>): Map<string, readonly string[]> {
  const versions = new Map<string, readonly string[]>();
  for (const [name, version] of pairs) {
    const known = versions.get(name) ?? [];
    if (!known.includes(version)) versions.set(name, [...known, version]);
  }
  return versions;
}
