import type { Clock } from './clock.ts';
import { errorCode } from './errors.ts';

/** Something that was not there when it was wanted. */
export interface Wait {
  /** The station that wanted it: `metadata`, `bucket`, `settle`, `packages`. */
  readonly step: string;
  /** What was waited for: `169.254.169.254`, `s3://bucket/role`, a lock. */
  readonly subject: string;
  /** Why, as it was last known: `ECONNREFUSED`, `ENOTFOUND`, `s3-SlowDown`, `packages-locked`. */
  readonly code: string;
  /** ISO 8601, by the clock of this machine at its beginning. */
  readonly since: string;
  readonly ms: number;
  /** false: it is not there yet. */
  readonly over: boolean;
}

/** For whoever waits: says that something is not there, and that it came or is not waited for any more. */
export interface Patience {
  /** `from`: when it was first wanted, by the monotonic clock. Said again, it goes on with the newest reason. */
  missed(error: unknown, from: number): void;
  over(): void;
}

/** Less than this nobody notices. */
export const NOTICEABLE_MS = 1_000;
/** A store that answers every second request with another word must not fill a status. */
const MOST = 50;

interface Entry {
  readonly step: string;
  readonly subject: string;
  readonly code: string;
  readonly since: string;
  /** Of what is over. */
  ms: number;
  /** Since when, by the monotonic clock, if it is still waited for. */
  from: number | undefined;
}

/**
 * What was waited for, by step, subject and reason: many requests that wait for one store side by side are one wait. `onLong` hears
 * of each wait that becomes noticeable, and again when it is over.
 */
export class Waits {
  readonly #clock: Clock;
  readonly #onLong: (wait: Wait) => void;
  readonly #entries = new Map<string, Entry>();
  /** Of each step and subject, what is open, and when the last one ended. */
  readonly #open = new Map<string, Entry>();
  readonly #ended = new Map<string, number>();
  readonly #told = new Set<Entry>();

  constructor(clock: Clock, onLong: (wait: Wait) => void = () => undefined) {
    this.#clock = clock;
    this.#onLong = onLong;
  }

  for(step: string, subject: string): Patience {
    const name = `${step} ${subject}`;
    return {
      missed: (error, from) => this.#missed(name, { step, subject, code: reasonCode(error) }, from),
      over: () => this.#over(name),
    };
  }

  /** What took noticeable time, in the order of its beginning. */
  noticeable(): Wait[] {
    return [...this.#entries.values()].map((entry) => this.#asWait(entry)).filter(({ ms }) => ms >= NOTICEABLE_MS);
  }

  /** Drops what is over. */
  forget(): void {
    for (const [key, entry] of this.#entries) if (entry.from === undefined) this.#drop(key, entry);
  }

  #missed(name: string, what: Pick<Wait, 'step' | 'subject' | 'code'>, from: number): void {
    const now = this.#clock.elapsed();
    const open = this.#open.get(name);
    if (open?.code !== what.code) {
      if (open) this.#close(name, open, now);
      const begun = Math.max(open ? now : from, this.#ended.get(name) ?? Number.NEGATIVE_INFINITY);
      this.#begin(name, what, begun);
    }
    this.#tell(this.#open.get(name)!);
  }

  #begin(name: string, what: Pick<Wait, 'step' | 'subject' | 'code'>, from: number): void {
    const key = `${name} ${what.code}`;
    let entry = this.#entries.get(key);
    if (!entry) {
      const since = new Date(this.#clock.now() - (this.#clock.elapsed() - from)).toISOString();
      entry = { ...what, since, ms: 0, from };
      this.#entries.set(key, entry);
      const [first] = [...this.#entries].filter(([, { from: still }]) => still === undefined);
      if (this.#entries.size > MOST && first) this.#drop(...first);
    }
    entry.from = from;
    this.#open.set(name, entry);
  }

  #over(name: string): void {
    const open = this.#open.get(name);
    if (open) this.#close(name, open, this.#clock.elapsed());
  }

  #close(name: string, entry: Entry, now: number): void {
    entry.ms += now - (entry.from ?? now);
    entry.from = undefined;
    this.#open.delete(name);
    this.#ended.set(name, now);
    if (this.#told.delete(entry)) this.#onLong(this.#asWait(entry));
  }

  #tell(entry: Entry): void {
    const wait = this.#asWait(entry);
    if (wait.ms < NOTICEABLE_MS || this.#told.has(entry)) return;
    this.#told.add(entry);
    this.#onLong(wait);
  }

  #drop(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#told.delete(entry);
  }

  #asWait({ step, subject, code, since, ms, from }: Entry): Wait {
    const sofar = from === undefined ? 0 : this.#clock.elapsed() - from;
    return { step, subject, code, since, ms: Math.round(ms + sofar), over: from === undefined };
  }
}

/** The system's own word where there is one below ours: `ENOTFOUND` says more than that a store was not reached. */
function reasonCode(error: unknown): string {
  const below = error instanceof Error ? errorCode(error.cause) : undefined;
  return below ?? errorCode(error) ?? 'not-yet';
}
