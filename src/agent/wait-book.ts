import type { StateFiles } from '../ledger/state-files.ts';
import type { Clock } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import type { Log } from '../lib/log.ts';
import { type Patience, type Wait, Waits } from '../lib/waits.ts';
import type { Status } from '../status/status.ts';
import { isWait, joinWaits, type Waited } from '../status/waited.ts';

/** `/var/lib/haulout/waits.json`: what the boot waited for, the script in user-data and earlier lives of the agent included. */
const NAME = 'waits.json';
const MOST = 100;

interface Kept {
  readonly bootId: string;
  /** The boot is over with the first round that ended well. */
  readonly booting: boolean;
  readonly waits: readonly Wait[];
}

/** What was waited for: kept for the boot, and for the last round that waited. */
export class WaitBook {
  readonly #state: StateFiles;
  readonly #bootId: string;
  readonly #waits: Waits;
  #booting: boolean;
  #boot: readonly Wait[];
  #last: readonly Wait[] = [];

  private constructor(state: StateFiles, kept: Kept, clock: Clock, log: Log) {
    this.#state = state;
    this.#bootId = kept.bootId;
    this.#booting = kept.booting;
    this.#boot = kept.waits;
    this.#waits = new Waits(clock, (wait) => log.info(words(wait)));
  }

  static async open(state: StateFiles, bootId: string, clock: Clock, log: Log): Promise<WaitBook> {
    const kept = await state.readOther(NAME, isKept);
    const fresh = { bootId, booting: true, waits: [] };
    return new WaitBook(state, kept?.bootId === bootId ? kept : fresh, clock, log);
  }

  for(step: string, subject: string): Patience {
    return this.#waits.for(step, subject);
  }

  /** For the status of a round that ends now. */
  told(): Waited[] {
    const seen = this.#waits.noticeable();
    if (this.#booting) return joinWaits(this.#boot, seen).map((wait) => ({ ...wait, boot: true }));
    const last = seen.length > 0 ? seen : this.#last;
    return [...this.#boot.map((wait) => ({ ...wait, boot: true })), ...last.map((wait) => ({ ...wait, boot: false }))];
  }

  /** A round has ended. Never throws: a book that cannot be kept costs words, no service. */
  async turn(health: Status['health']): Promise<void> {
    const seen = this.#waits.noticeable();
    if (!this.#booting) {
      if (seen.length > 0) this.#last = seen;
      this.#waits.forget();
      return;
    }
    const waits = joinWaits(this.#boot, seen).slice(0, MOST);
    const ends = health === 'healthy';
    if (ends || waits.length > 0) await this.#keep({ bootId: this.#bootId, booting: !ends, waits });
    if (!ends) return;
    this.#booting = false;
    this.#boot = waits;
    this.#waits.forget();
  }

  async #keep(kept: Kept): Promise<void> {
    await this.#state.writeOther(NAME, kept).catch(() => undefined);
  }
}

/** What the script in user-data waited for, before there was an agent. */
export async function keepLaunchWaits(state: StateFiles, bootId: string, waits: readonly Wait[]): Promise<void> {
  if (waits.length > 0) await state.writeOther(NAME, { bootId, booting: true, waits } satisfies Kept);
}

function isKept(value: unknown): value is Kept {
  if (typeof value !== 'object' || value === null) return false;
  const { bootId, booting, waits } = value as Record<string, unknown>;
  return (
    typeof bootId === 'string' &&
    typeof booting === 'boolean' &&
    Array.isArray(waits) &&
    waits.length <= MOST &&
    waits.every(isWait)
  );
}

function words({ step, subject, code, ms, over }: Wait): string {
  const what = `${step}: ${subject} (${code})`;
  return over ? `${what}: waited ${formatDuration(ms)}` : `${what}: waiting`;
}
