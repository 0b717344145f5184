/**
 * An instance's word that it is there, inside its status. It is renewed at each sync; who hears nothing newer until it expires takes
 * the instance for lost. The last one is a tombstone: the instance said goodbye.
 */
export interface Lease {
  /** Boots of this instance, counted by its agent; the first is 1. */
  readonly generation: number;
  /** ISO 8601. */
  readonly expires: string;
  /** draining: a notice came, the instance is leaving. ended: it has left; its stop hooks are done. */
  readonly state: 'active' | 'draining' | 'ended';
  /** Why it drains or ended. */
  readonly notice?: Notice;
}

/** What announced the end of an instance. */
export interface Notice {
  /**
   * spot: an interruption. rebalance: one is likely, nothing is decided. scheduled: an event of the cloud's maintenance. autoscaling: its group
   * takes it out. shutdown: the machine is going down.
   */
  readonly kind: 'spot' | 'rebalance' | 'scheduled' | 'autoscaling' | 'shutdown';
  /** ISO 8601, when the agent heard of it. */
  readonly heard: string;
  /** ISO 8601, when the machine goes, where that was said. */
  readonly deadline?: string;
}

/** What a lease must outlast: the pause between two syncs, and what may come on top of it. All in milliseconds. */
export interface LeaseTerm {
  readonly intervalMs: number;
  readonly splayMs: number;
  readonly settleMs: number;
}

/** Whoever syncs every two seconds is not lost because it is silent for ten. */
const SHORTEST_MS = 600_000;
/** One sync may be lost, a second one late; that all three are is no accident any more. */
const SYNCS = 3;
/** A sync that takes longer than this renews the lease as it goes on: whoever is at work is not lost. */
export const RENEW_WITHIN_MS = SHORTEST_MS / SYNCS;

/** When a lease ends that is written at `written` (milliseconds since 1970): after three syncs, at the soonest after ten minutes. */
export function leaseExpiry(written: number, { intervalMs, splayMs, settleMs }: LeaseTerm): string {
  const term = SYNCS * intervalMs + splayMs + settleMs;
  return new Date(Math.min(LATEST, written + Math.max(SHORTEST_MS, term))).toISOString();
}

/** ECMA-262, 21.4.1.1: a date after this is none. */
const LATEST = 8.64e15;
