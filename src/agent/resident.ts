import { RENEW_WITHIN_MS } from '../fleet/lease.ts';
import { BACK_OFF_CAP_MS } from '../ledger/ledger.ts';
import { sha256 } from '../lib/digest.ts';
import { splayOffset } from '../lib/splay.ts';
import type { Status } from '../status/status.ts';
import { converge } from './converge.ts';
import type { Memory } from './memory.ts';
import type { Requests } from './requests.ts';
import type { Rhythm } from './rhythm.ts';
import { type Cron, cron } from './schedule.ts';
import { readStatus } from './status-file.ts';
import type { World } from './world.ts';

/** Somebody sits at the desk and waits; S3 takes 5,500 requests a second of one prefix, and ten seconds are enough for any fleet. */
const CALL_WINDOW_MS = 10_000;

const HOLD_MS = 5_000;
const KNOCK_MS = 4_000;
/** Who has knocked for two minutes has time, and is one of many: the window grows to half a minute within ten. */
const KNOCK_WINDOW_MS = { least: 6_000, most: 30_000, partOfWait: 1 / 20 };

/** The rounds of a life: at once, on the cron, when asked, when the desk calls, and when something that failed is due again. One at a time. */
export class Resident {
  readonly #world: World;
  readonly #memory: Memory;
  readonly #requests: Requests;
  readonly #rhythm: () => Rhythm;
  readonly #begun: number;
  #wake: () => void = () => undefined;
  /** When the desk is followed that has called. */
  #calledAt = Number.POSITIVE_INFINITY;
  #round: Promise<Status> | undefined;

  constructor(world: World, memory: Memory, requests: Requests, rhythm: () => Rhythm) {
    this.#world = world;
    this.#memory = memory;
    this.#requests = requests;
    this.#rhythm = rhythm;
    this.#begun = world.clock.elapsed();
  }

  /** Somebody asked: do not wait for the cron. */
  wake(): void {
    this.#wake();
  }

  /** A round is wanted now. */
  resume(): void {
    this.#calledAt = this.#world.clock.elapsed();
    this.#wake();
  }

  /**
   * The desk has called. The fleet never moves at once (law 10): hosts look, each at its own moment of the pause between two looks,
   * and so hear of it apart already. Only where they look so often that this is less than the window do they wait for the rest of it.
   */
  call(): void {
    const { splayMs, wakeMs } = this.#rhythm();
    const window = Math.max(0, Math.min(splayMs, CALL_WINDOW_MS) - wakeMs);
    const at = this.#world.clock.elapsed() + this.#offset(window);
    this.#calledAt = Math.min(this.#calledAt, at);
    this.#wake();
  }

  async live(signal: AbortSignal, onRound: (status: Status) => void): Promise<void> {
    while (!signal.aborted) {
      const asked = await this.#requests.pending();
      if (this.#world.presence.isLeaving) {
        await this.#hold(asked, signal);
        continue;
      }
      this.#calledAt = Number.POSITIVE_INFINITY; // a call from now on may be of what this round does not see any more
      const begun = this.#world.clock.elapsed();
      this.#round = converge(this.#world, this.#memory);
      const status = await this.#renewing(this.#round);
      this.#round = undefined;
      await this.#requests.answer(asked, status);
      onRound(status);
      await this.#rest(signal, status, begun);
    }
  }

  /** Packages or a hook may take an hour, and the lease of the last round ends meanwhile. */
  async #renewing(round: Promise<Status>): Promise<Status> {
    const over = new AbortController();
    void this.#renew(over.signal);
    const status = await round;
    over.abort();
    return status;
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { clock, presence, retell } = this.#world;
    for (;;) {
      await clock.sleep(RENEW_WITHIN_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      if (this.#memory.identity && !presence.isLeaving) await retell((status) => status);
    }
  }

  /** Resolves when no round is under way. */
  async idle(): Promise<void> {
    await this.#round;
  }

  /** An instance that leaves is not converged any more: who asks hears what was said last. */
  async #hold(asked: readonly string[], signal: AbortSignal): Promise<void> {
    const status = asked.length > 0 ? await readStatus(this.#world.state.directory) : undefined;
    if (status) await this.#requests.answer(asked, status);
    await this.#sleep(HOLD_MS, signal);
  }

  /** Until the cron has come due and this host's splay has passed, a retry is due, or somebody asks or calls. */
  async #rest(signal: AbortSignal, status: Status, begun: number): Promise<void> {
    const { clock } = this.#world;
    const { schedule, timezone, splayMs } = this.#rhythm();
    const watch = cron(schedule, timezone);
    const isDue = hasComeDue(watch, clock.now(), clock.elapsed() - begun);
    const splay = this.#offset(splayMs);
    const aliveMs = clock.elapsed() - this.#begun;
    const retryAt = clock.elapsed() + untilRetry(status, clock.now(), aliveMs, (window) => this.#offset(window));
    let dueAt = isDue ? clock.elapsed() + splay : Number.POSITIVE_INFINITY;
    const next = () => Math.min(dueAt, retryAt, this.#calledAt);
    while (!signal.aborted && clock.elapsed() < next()) {
      if ((await this.#requests.pending()).length > 0) return;
      const left = next() - clock.elapsed();
      await this.#sleep(Math.max(0, Math.min(left, watch.pause(clock.now()))), signal);
      if (watch.due(clock.now())) dueAt = Math.min(dueAt, clock.elapsed() + splay);
    }
  }

  #offset(windowMs: number): number {
    return splayOffset(sha256(this.#memory.identity?.instanceId ?? ''), windowMs);
  }

  async #sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const wake = () => woken.abort();
    this.#wake = wake;
    // Not AbortSignal.any: each one leaves a trace on the signal of our whole life, and this is every few seconds of it.
    signal.addEventListener('abort', wake, { once: true });
    await this.#world.clock.sleep(milliseconds, woken.signal).catch(() => undefined);
    signal.removeEventListener('abort', wake);
    this.#wake = () => undefined;
  }
}

/** Failures have a back-off of their own, usually shorter than the cron; a clock that was set back meanwhile makes it no longer. */
export function untilRetry(status: Status, now: number, aliveMs: number, offset: (windowMs: number) => number): number {
  if (status.health === 'healthy') return Number.POSITIVE_INFINITY;
  const next = status.waiting.map(({ nextTry }) => nextTry - now);
  if (next.length > 0) return Math.max(1_000, Math.min(BACK_OFF_CAP_MS, ...next));
  // What never came up does not wait for a cron, and a fleet that was launched while its bucket is away does not knock in step.
  if (status.health === 'failed') return KNOCK_MS + offset(knockWindow(aliveMs));
  // A failure of this very round is not in `waiting` yet: its first pause is 5 s.
  return status.lastSync.steps > 0 ? 5_000 : Number.POSITIVE_INFINITY;
}

/** What came due in a round is not lost: it began with a look at the bucket, and may have gone on for long. */
function hasComeDue(watch: Cron, now: number, roundMs: number): boolean {
  let due = false;
  for (let at = now - roundMs; at < now; at += 60_000) due = watch.due(at) || due;
  return watch.due(now) || due;
}

function knockWindow(aliveMs: number): number {
  const { least, most, partOfWait } = KNOCK_WINDOW_MS;
  return Math.round(Math.min(most, Math.max(least, aliveMs * partOfWait)));
}
