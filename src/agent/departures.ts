import type { Notice } from '../fleet/lease.ts';
import type { Clock } from '../lib/clock.ts';
import { asTrouble } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Announcement } from '../metadata/notices.ts';
import type { FarewellFile } from './farewell-file.ts';
import type { Goodbye } from './goodbye.ts';
import { type NoticeBoard, OVERDUE_MS } from './notice-board.ts';
import type { Presence } from './presence.ts';

export interface DepartureParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly presence: Pick<Presence, 'say'>;
  readonly board: NoticeBoard;
  readonly file: Pick<FarewellFile, 'read' | 'keep'>;
  readonly goodbye: (notice: Notice, leftMs: number) => Goodbye;
  /** Whether the group of this instance waits until it is told to go on. */
  readonly isAwaited: () => boolean;
  /** Tells the group of this instance that it need not wait. */
  readonly release: () => Promise<void>;
  readonly tell: () => Promise<void>;
  /** Whether the system itself goes down. */
  readonly power: { goesDown: boolean };
  /** Asks for the keys of the role while there is somebody to ask: at the end there may be nobody. */
  readonly keepKeys: () => Promise<void>;
  /** From now on it is known that these services are to be started again: the notice was taken back, or nothing came of it. */
  readonly bringBack: (touched: readonly string[]) => Promise<void>;
  /** A round is wanted now. */
  readonly resume: () => void;
}

interface Leaving {
  readonly notice: Notice;
  readonly goodbye: Goodbye | undefined;
  /** Settles when the goodbye is said, or was given up. */
  readonly said: Promise<void>;
  readonly isSaid: () => boolean;
}

const LOOK_MS = 5_000;
/** As long as EC2 warns before it takes a spot instance; our clock may say another thing. */
const SPOT_MS = 120_000;
/** How long a group waits when it waits (the default of its hooks), and when it does not (as the system's shutdown). */
const AWAITED_MS = 3_600_000;
const UNAWAITED_MS = 90_000;
/** When the end is there already, as far as one can tell. */
const LEAST_MS = 5_000;
const KEYS_MS = 60_000;
const RELEASE_AGAIN_MS = 60_000;

/** Decides, from what is announced and asked for, whether this instance leaves or stays. */
export class Departures {
  readonly #parts: DepartureParts;
  #leaving: Leaving | undefined;
  /** What is being taken back. */
  #staying: Leaving | undefined;
  #mentioned = '';
  #keysAt = Number.NEGATIVE_INFINITY;
  #releaseAt = Number.NEGATIVE_INFINITY;

  constructor(parts: DepartureParts) {
    this.#parts = parts;
  }

  get isLeaving(): boolean {
    return this.#leaving !== undefined;
  }

  /** What an agent that was killed had begun in this boot. */
  async resume(): Promise<void> {
    const kept = await this.#parts.file.read();
    if (!kept) return;
    const { notice, state } = kept;
    if (state === 'draining') return this.#leave(notice, this.#leftOf(notice));
    this.#parts.presence.say(state, notice);
    this.#leaving = { notice, goodbye: undefined, said: Promise.resolve(), isSaid: () => true };
  }

  async live(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#turn().catch((error) => this.#parts.log.warn(asTrouble(error, 'goodbye', 'notices').reason));
      await this.#parts.clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
  }

  /** `haulout shutdown`: resolves when the goodbye is said. */
  async shutDown(withinMs: number): Promise<void> {
    const now = this.#parts.clock.now();
    this.#parts.power.goesDown = true;
    const notice: Notice = { kind: 'shutdown', heard: isoOf(now), deadline: isoOf(now + withinMs) };
    // What is just being taken back is not: a new goodbye begins.
    if (!this.#leaving || this.#leaving === this.#staying) this.#leave(notice, withinMs);
    else this.#leaving.goodbye?.hurry(withinMs);
    await this.#leaving?.said;
  }

  async #turn(): Promise<void> {
    const { board, clock } = this.#parts;
    await board.look();
    const now = clock.now();
    const standing = board.standing();
    const endings = standing.filter(({ leaveFrom }) => leaveFrom !== undefined && leaveFrom <= now);
    const [ending] = endings;
    for (const other of endings)
      if (other.kind !== this.#leaving?.notice.kind) this.#leaving?.goodbye?.hurry(this.#leftOf(other));
    if (!this.#leaving && ending) this.#leave(noticeOf(ending, now), this.#leftOf(ending));
    else if (this.#leaving && !ending && this.#isVoid(this.#leaving.notice, now)) await this.#stay(this.#leaving);
    else if (!this.#leaving) await this.#mention(standing[0], now);
    if (clock.elapsed() >= this.#keysAt) await this.#keepKeys();
    if (this.#leaving?.isSaid() && standing.some(({ kind }) => kind === 'autoscaling')) await this.#release();
  }

  async #keepKeys(): Promise<void> {
    this.#keysAt = this.#parts.clock.elapsed() + KEYS_MS;
    await this.#parts.keepKeys().catch(() => undefined);
  }

  #leave(notice: Notice, leftMs: number): void {
    const goodbye = this.#parts.goodbye(notice, leftMs);
    let isSaid = false;
    const said = goodbye.say().then(() => {
      isSaid = true;
    });
    this.#leaving = { notice, goodbye, said, isSaid: () => isSaid };
    this.#releaseAt = Number.NEGATIVE_INFINITY;
  }

  /** Taken back by who gave it, or long past. Who cannot be heard has taken nothing back. */
  #isVoid({ kind, deadline }: Notice, now: number): boolean {
    if (deadline !== undefined && now > Date.parse(deadline) + OVERDUE_MS) return true;
    return kind !== 'shutdown' && this.#parts.board.hasHeard(kind);
  }

  async #stay(leaving: Leaving): Promise<void> {
    const { log, presence, file, bringBack, resume, power } = this.#parts;
    const { notice, goodbye, said } = leaving;
    this.#staying = leaving;
    await goodbye?.takeBack();
    await said;
    if (this.#leaving !== leaving) return;
    log.warn(`${notice.kind}: nothing comes of it, this instance stays`);
    const touched = goodbye?.touched ?? (await file.read())?.touched ?? [];
    await bringBack(touched);
    if (this.#leaving !== leaving) return;
    await file.keep(undefined);
    if (this.#leaving !== leaving) return;
    power.goesDown = false;
    presence.say('active', undefined);
    this.#leaving = undefined;
    this.#mentioned = '';
    resume();
  }

  /** What ends nothing, or not yet, is a word in the status. */
  async #mention(said: Announcement | undefined, now: number): Promise<void> {
    const print = JSON.stringify(said ?? null);
    if (print === (this.#mentioned || 'null')) return;
    this.#mentioned = print;
    this.#parts.presence.say('active', said && noticeOf(said, now));
    await this.#parts.tell();
  }

  async #release(): Promise<void> {
    const { clock, log, release, isAwaited } = this.#parts;
    if (!isAwaited() || clock.elapsed() < this.#releaseAt) return;
    try {
      await release();
      this.#releaseAt = Number.POSITIVE_INFINITY;
    } catch (error) {
      this.#releaseAt = clock.elapsed() + RELEASE_AGAIN_MS;
      const { subject, reason, hint } = asTrouble(error, 'goodbye', 'autoscaling');
      log.warn(`${subject}: ${reason}. ${hint}`);
    }
  }

  #leftOf({ kind, deadline }: Pick<Announcement, 'kind' | 'deadline'> | Notice): number {
    if (deadline === undefined) return this.#parts.isAwaited() ? AWAITED_MS : UNAWAITED_MS;
    const left = new Date(deadline).getTime() - this.#parts.clock.now();
    return Math.max(LEAST_MS, kind === 'spot' ? Math.min(SPOT_MS, left) : left);
  }
}

function noticeOf({ kind, deadline }: Announcement, now: number): Notice {
  return { kind, heard: isoOf(now), ...(deadline === undefined ? {} : { deadline: isoOf(deadline) }) };
}

function isoOf(time: number): string {
  return new Date(time).toISOString();
}
