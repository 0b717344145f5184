import { S3Error } from '../aws/s3-error.ts';
import type { SmallObject } from '../aws/small-objects.ts';
import { wakesRole } from '../fleet/wake.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';

export interface WakeParts {
  readonly clock: Clock;
  readonly log: Pick<Log, 'debug'>;
  readonly role: string;
  /** The wake object, if it is another one than `etag` names. */
  readonly look: (etag: string | undefined) => Promise<SmallObject | undefined>;
  /** The pause between two looks; 0: there is nothing to look for, or nobody who could. */
  readonly everyMs: () => number;
  /** The pause before the first look, of so long a one: each host its own, or those that were launched together look together for ever. */
  readonly firstMs: (everyMs: number) => number;
  readonly onWake: () => void;
}

const IDLE_MS = 15_000;
/** A store that refuses, or is not there, is asked this seldom in the end. */
const LONGEST_MS = 300_000;
/** Last-Modified has no fractions of a second, and a touch may come while the agent starts. */
const SLACK_MS = 2_000;

/** Looks, between syncs, whether the desk has called: one small conditional request each time, and 304 where it has not. */
export class WakeWatch {
  readonly #parts: WakeParts;
  readonly #made: number;
  #living: Promise<void> | undefined;
  /** undefined: there is none. */
  #etag: string | undefined;
  #hasLooked = false;
  #failures = 0;

  constructor(parts: WakeParts) {
    this.#parts = parts;
    this.#made = parts.clock.elapsed();
  }

  /** Once; said again, it does nothing. */
  begin(signal: AbortSignal): void {
    this.#living ??= this.#live(signal);
  }

  async #live(signal: AbortSignal): Promise<void> {
    const { clock, everyMs, firstMs } = this.#parts;
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      const pause = this.#pause();
      await clock.sleep(isFirst ? firstMs(pause) : pause, signal).catch(() => undefined);
      if (!signal.aborted && everyMs() > 0) await this.#look();
    }
  }

  #pause(): number {
    const every = this.#parts.everyMs();
    if (every === 0) return IDLE_MS;
    return this.#failures === 0 ? every : Math.max(every, Math.min(LONGEST_MS, every * 2 ** this.#failures));
  }

  /** Silent whatever comes: without it there is the schedule still. */
  async #look(): Promise<void> {
    try {
      const found = await this.#parts.look(this.#etag);
      this.#failures = 0;
      if (found) this.#changed(found);
      this.#hasLooked = true;
    } catch (error) {
      const absent = error instanceof S3Error && error.status === 404;
      this.#failures = absent ? 0 : this.#failures + 1;
      if (!absent) return this.#parts.log.debug(`wake: ${error instanceof Error ? error.message : String(error)}`);
      this.#etag = undefined;
      this.#hasLooked = true;
    }
  }

  #changed({ etag, ageMs, body }: SmallObject): void {
    const { role, clock, onWake } = this.#parts;
    this.#etag = etag;
    // What was there before this agent began needs no sync: an agent begins with one.
    const isOld = !this.#hasLooked && ageMs > clock.elapsed() - this.#made + SLACK_MS;
    if (!isOld && wakesRole(body, role)) onWake();
  }
}
