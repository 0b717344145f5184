import { untilRetry } from '../../src/agent/resident.ts';
import { cron } from '../../src/agent/schedule.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { splayOffset } from '../../src/lib/splay.ts';
import type { Status } from '../../src/status/status.ts';
import { statusOf } from './fleet.ts';

/** What an agent asks of the bucket, in one place; docs/fleet.md has the same numbers. */
export const COSTS = {
  /** Of a look that finds nothing to do: the listing of the prefix, of root/ and of services/. */
  look: 3,
  /** A sync renews the lease. */
  status: 1,
  /** Pause between two looks at `<state>/wake`, one conditional request each. */
  wakeEveryMs: 15_000,
  /** Who is called begins within so long, the pause between two looks counted; sooner where the splay is shorter. */
  callWindowMs: 10_000,
  /** A request that finds no store is tried so often in all, after pauses of random length up to these. */
  attempts: 5,
  pauseMs: (attempt: number) => Math.min(5_000, 200 * 2 ** (attempt - 1)),
} as const;

export interface Scenario {
  readonly hosts: number;
  readonly schedule: string;
  readonly splayMs: number;
  /** All of it, in milliseconds from the launch. */
  readonly lengthMs: number;
  /** The launch is one; so far apart the first and the last agent begin. */
  readonly bootSpreadMs: number;
  /** When somebody at the desk touches `<state>/wake`. */
  readonly calledAt?: number;
  /** The store does not answer from, to. */
  readonly outage?: readonly [from: number, to: number];
}

export type Kind = 'look' | 'status' | 'wake';

/** Requests a second, by what for. */
export class Load {
  readonly seconds: Readonly<Record<Kind, Uint32Array>>;

  constructor(lengthMs: number) {
    const length = Math.ceil(lengthMs / 1_000) + 1;
    this.seconds = { look: new Uint32Array(length), status: new Uint32Array(length), wake: new Uint32Array(length) };
  }

  add(kind: Kind, atMs: number, count: number): void {
    const second = Math.floor(atMs / 1_000);
    if (second < this.seconds[kind].length) this.seconds[kind][second]! += count;
  }

  total(kinds: readonly Kind[], fromMs: number, toMs: number): number {
    let total = 0;
    for (let second = fromMs / 1_000; second < toMs / 1_000; second++) total += this.#at(kinds, second);
    return total;
  }

  peak(kinds: readonly Kind[], fromMs: number, toMs: number): number {
    let peak = 0;
    for (let second = fromMs / 1_000; second < toMs / 1_000; second++) peak = Math.max(peak, this.#at(kinds, second));
    return peak;
  }

  /** Milliseconds from `fromMs` until so many syncs have been told. */
  reached(fromMs: number, count: number): number {
    let second = fromMs / 1_000;
    for (let left = count; left > 0 && second < this.seconds.status.length; second++)
      left -= this.#at(['status'], second);
    return second * 1_000 - fromMs;
  }

  #at(kinds: readonly Kind[], second: number): number {
    return kinds.reduce((sum, kind) => sum + (this.seconds[kind][second] ?? 0), 0);
  }
}

/** When the launch is, by the wall clock: a quarter of a minute past, for no reason but that it is no round time. */
const LAUNCH = Date.UTC(2026, 10, 20, 10, 15, 15);
const HEALTHY = statusOf('i-0a11ce00000000001');
const DEGRADED: Status = { ...HEALTHY, health: 'degraded' };
const FAILED: Status = { ...HEALTHY, health: 'failed' };

/**
 * The agents of a fleet in virtual time: when each asks the bucket for something. When to look is decided by the agent's own schedule
 * (cron, splay, what is due again after a failure); what a look does is taken for done at once, and counted.
 */
export function simulate(scenario: Scenario, randomBelow: (below: number) => number): Load {
  const load = new Load(scenario.lengthMs);
  for (let host = 0; host < scenario.hosts; host++) {
    const id = `i-0${host.toString(16).padStart(16, '0')}`;
    const bootedAt = scenario.bootSpreadMs === 0 ? 0 : randomBelow(scenario.bootSpreadMs);
    const { calledAt = Number.POSITIVE_INFINITY } = scenario;
    let heardAt = Number.POSITIVE_INFINITY;
    for (
      let at = bootedAt + splayOffset(sha256(id), COSTS.wakeEveryMs);
      at < scenario.lengthMs;
      at += COSTS.wakeEveryMs
    ) {
      load.add('wake', at, 1);
      if (at >= calledAt) heardAt = Math.min(heardAt, at);
    }
    const window = Math.max(0, Math.min(scenario.splayMs, COSTS.callWindowMs) - COSTS.wakeEveryMs);
    live({ id, bootedAt, followsAt: heardAt + splayOffset(sha256(id), window) }, scenario, load, randomBelow);
  }
  return load;
}

/** As src/agent/resident.ts rests between two rounds. */
function live(
  { id, bootedAt, followsAt }: { readonly id: string; readonly bootedAt: number; readonly followsAt: number },
  { schedule, splayMs, lengthMs, outage }: Scenario,
  load: Load,
  randomBelow: (below: number) => number,
): void {
  const splay = splayOffset(sha256(id), splayMs);
  const watch = cron(schedule, 'UTC');
  let hasSynced = false;
  let at = bootedAt;
  while (at < lengthMs) {
    const looked = look(at, outage, load, randomBelow);
    at = looked.at;
    hasSynced ||= looked.found;
    const status = looked.found ? HEALTHY : hasSynced ? DEGRADED : FAILED;
    if (looked.found) load.add('status', at, COSTS.status);
    watch.due(LAUNCH + at); // begins anew; the agent makes another one, which is the same and takes longer
    const retryAt = at + untilRetry(status, LAUNCH + at, at - bootedAt, (window) => splayOffset(sha256(id), window));
    const calledAt = followsAt > at ? followsAt : Number.POSITIVE_INFINITY;
    let dueAt = Number.POSITIVE_INFINITY;
    const next = () => Math.min(dueAt, retryAt, calledAt);
    while (at < lengthMs && at < next()) {
      at += Math.max(0, Math.min(next() - at, watch.pause(LAUNCH + at)));
      if (watch.due(LAUNCH + at)) dueAt = Math.min(dueAt, at + splay);
    }
  }
}

/** Its requests, and whether it found the store: away, the first of them is tried again and again, and then the round is over. */
function look(
  from: number,
  outage: Scenario['outage'],
  load: Load,
  randomBelow: (below: number) => number,
): { readonly at: number; readonly found: boolean } {
  const isAway = (at: number) => outage !== undefined && at >= outage[0] && at < outage[1];
  let at = from;
  for (let attempt = 1; isAway(at); attempt++) {
    load.add('look', at, 1);
    if (attempt === COSTS.attempts) return { at, found: false };
    at += randomBelow(COSTS.pauseMs(attempt));
  }
  load.add('look', at, COSTS.look);
  return { at, found: true };
}
