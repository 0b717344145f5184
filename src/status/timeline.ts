import type { Clock } from '../lib/clock.ts';
import { asTrouble } from '../lib/errors.ts';

/** One station of a round, or one step of a plan: what, for how long, with what end. */
export interface TimelineEntry {
  /** `metadata`, `bucket`, `spec`, `facts`, `packages`, `files`, `service`, `job`. */
  readonly step: string;
  readonly subject?: string;
  readonly why?: string;
  /** Milliseconds after the start of the round. */
  readonly from: number;
  readonly ms: number;
  readonly ok: boolean;
  /** Reason code of a failure. */
  readonly code?: string;
}

/** Takes the time of everything that happens in one round. */
export class Timeline {
  readonly #clock: Clock;
  readonly #start: number;
  readonly #entries: TimelineEntry[] = [];
  readonly #onEntry: (entry: TimelineEntry) => void;

  constructor(clock: Clock, onEntry: (entry: TimelineEntry) => void = () => undefined) {
    this.#clock = clock;
    this.#start = clock.elapsed();
    this.#onEntry = onEntry;
  }

  get entries(): readonly TimelineEntry[] {
    return this.#entries;
  }

  get elapsed(): number {
    return Math.round(this.#clock.elapsed() - this.#start);
  }

  async take<T>(what: Pick<TimelineEntry, 'step' | 'subject' | 'why'>, action: () => Promise<T>): Promise<T> {
    const from = this.elapsed;
    try {
      const result = await action();
      this.#add({ ...what, from, ms: this.elapsed - from, ok: true });
      return result;
    } catch (error) {
      const { code } = asTrouble(error, what.step, what.subject ?? '');
      this.#add({ ...what, from, ms: this.elapsed - from, ok: false, code });
      throw error;
    }
  }

  #add(entry: TimelineEntry): void {
    this.#entries.push(entry);
    this.#onEntry(entry);
  }
}

/** What was read from a disk may be anything. */
export function isTimeline(value: unknown): value is readonly TimelineEntry[] {
  return Array.isArray(value) && value.every(isEntry);
}

function isEntry(value: unknown): value is TimelineEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { step, subject, why, from, ms, ok, code } = value as Record<string, unknown>;
  const texts =
    typeof step === 'string' && [subject, why, code].every((text) => text === undefined || typeof text === 'string');
  return (
    texts && [from, ms].every((time) => Number.isSafeInteger(time) && Number(time) >= 0) && typeof ok === 'boolean'
  );
}
