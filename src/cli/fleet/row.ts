import type { Lease, Notice } from '../../fleet/lease.ts';
import type { StatusName } from '../../status/read-status.ts';
import type { Status } from '../../status/status.ts';

/** What is kept of one instance's status: the rest of it is dropped as soon as it was read. Times are milliseconds. */
export interface Row extends StatusName {
  readonly health: Status['health'];
  /** `expires` by the store's own clock. */
  readonly lease?: { readonly state: Lease['state']; readonly expires: number; readonly notice?: Notice };
  readonly content: {
    readonly wanted?: string;
    readonly active?: string;
    /** The digest that was given up. */
    readonly setAside?: string;
  };
  /** When the store got it, by the store's own clock. */
  readonly heard: number;
  readonly bootedAt?: number;
  readonly publicIpv4: string;
  readonly localIpv4: string;
  readonly instanceType: string;
  readonly availabilityZone: string;
  readonly agent: string;
  readonly sync: { readonly startedAt: number; readonly ms: number; readonly steps: number };
  /** The first thing that went wrong. */
  readonly failing?: { readonly step: string; readonly subject: string; readonly code: string };
}

/** Of each part of a failing step. */
const MOST_TEXT = 120;

/** An object below `instances/` that tells nothing, and why. */
export interface Unreadable {
  /** Its key, below `instances/`: anybody's text. */
  readonly path: string;
  readonly reason: string;
  readonly heard: number;
}

/**
 * How an instance is, seen from outside. The instance's own word holds as long as its lease does: lost is who let it run out and
 * never said goodbye.
 */
export const CONDITIONS = ['lost', 'failed', 'degraded', 'draining', 'converging', 'healthy', 'ended'] as const;
export type Condition = (typeof CONDITIONS)[number];

export function conditionOf({ lease, health }: Pick<Row, 'lease' | 'health'>, now: number): Condition {
  if (lease?.state === 'ended') return 'ended';
  if (lease && lease.expires <= now) return 'lost';
  return lease?.state === 'draining' ? 'draining' : health;
}

/** What needs nobody: all else makes `--exit-code` say 2. */
export function isWell(condition: Condition): boolean {
  return condition === 'healthy' || condition === 'ended';
}

export function rowOf(status: Status, heard: number): Row {
  const { role, instanceId, health, lease, instance, content, lastSync, trouble } = status;
  const { wanted, active, setAside } = content;
  const bootedAt = Date.parse(instance?.bootedAt ?? '');
  return {
    role,
    instanceId,
    health,
    ...(lease ? { lease: { ...noted(lease), expires: leaseEnd(status, heard)! } } : {}),
    content: {
      ...(wanted === undefined ? {} : { wanted }),
      ...(active === undefined ? {} : { active }),
      ...(setAside ? { setAside: setAside.digest } : {}),
    },
    heard,
    ...(Number.isNaN(bootedAt) ? {} : { bootedAt }),
    publicIpv4: instance?.publicIpv4 ?? '',
    localIpv4: instance?.localIpv4 ?? '',
    instanceType: instance?.instanceType ?? '',
    availabilityZone: instance?.availabilityZone ?? '',
    agent: instance?.agent ?? '',
    sync: { startedAt: Date.parse(lastSync.startedAt), ms: lastSync.ms, steps: lastSync.steps },
    ...(trouble
      ? { failing: { step: cut(trouble.step), subject: cut(trouble.subject), code: cut(trouble.code) } }
      : {}),
  };
}

/** A row is one line; `haulout explain` has all of it. By way of bytes, or the whole text would be kept. */
function cut(text: string): string {
  return text.length > MOST_TEXT ? `${Buffer.from(text.slice(0, MOST_TEXT)).toString()} ...` : text;
}

function noted({ state, notice }: Lease): Omit<NonNullable<Row['lease']>, 'expires'> {
  return { state, ...(notice ? { notice } : {}) };
}

/**
 * When its lease ends by the clock of the store, in milliseconds: so long after it got there as the instance gave it when it wrote it.
 * The clock of an instance may be off by years, and the instance be well all the same. undefined: it has none.
 */
export function leaseEnd({ lease, at }: Pick<Status, 'lease' | 'at'>, heard: number): number | undefined {
  return lease && heard + Date.parse(lease.expires) - Date.parse(at);
}

/** Worst first, then by role and id: what is at the top needs somebody. */
export function compareRows(now: number): (one: Row, other: Row) => number {
  const rank = (row: Row) => CONDITIONS.indexOf(conditionOf(row, now));
  return (one, other) =>
    rank(one) - rank(other) || order(one.role, other.role) || order(one.instanceId, other.instanceId);
}

function order(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
