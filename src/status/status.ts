import type { Lease } from '../fleet/lease.ts';
import type { Trouble } from '../lib/errors.ts';
import type { Waiting } from '../plan/step.ts';
import type { TimelineEntry } from './timeline.ts';
import type { Waited } from './waited.ts';

/**
 * What this instance tells the world: one JSON object, in `/var/lib/haulout/status.json` and, where it may write there, in
 * `<state>/instances/<role>/<instance-id>.json`. Names, numbers and digests; never contents.
 */
export interface Status {
  readonly schema: 1;
  readonly instanceId: string;
  readonly role: string;
  /** ISO 8601, when this was written. */
  readonly at: string;
  /** Absent from what no instance has said of itself. */
  readonly lease?: Lease;
  readonly instance?: InstanceStatus;
  /**
   * converging: the first round has not ended. healthy: as the bucket wants it. degraded: it serves, but not what the bucket
   * wants, or the bucket cannot be read. failed: it never came up.
   */
  readonly health: 'converging' | 'healthy' | 'degraded' | 'failed';
  readonly content: {
    /** Digest of what the bucket holds; absent while it could not be read. */
    readonly wanted?: string;
    /** Digest of what the last round brought about. */
    readonly active?: string;
    /** Digest that is given up until the bucket changes, and why. */
    readonly setAside?: { readonly digest: string; readonly code: string; readonly subject: string };
  };
  readonly lastSync: SyncResult;
  readonly services: readonly ServiceStatus[];
  /** The first thing that went wrong in the last round. */
  readonly trouble?: TroubleStatus;
  /** Every mistake of a spec that was refused. */
  readonly mistakes?: readonly MistakeStatus[];
  readonly waiting: readonly Waiting[];
  /** What took noticeable time to come: in the boot, and in the last round that waited for something. */
  readonly waited: readonly Waited[];
  /** What is worth a word but no trouble. */
  readonly notes: readonly string[];
  /** Of the last round that did something. */
  readonly timeline: readonly TimelineEntry[];
}

/** Which machine, and what runs on it. Empty is what the cloud does not tell. */
export interface InstanceStatus {
  readonly localIpv4: string;
  readonly publicIpv4: string;
  readonly instanceType: string;
  readonly availabilityZone: string;
  readonly region: string;
  /** ISO 8601, when this boot of the machine began. */
  readonly bootedAt: string;
  /** Of haulout. */
  readonly agent: string;
}

export interface SyncResult {
  readonly startedAt: string;
  readonly ms: number;
  /** Steps of the plan that were carried out; 0 is a no-op. */
  readonly steps: number;
  /** Their subjects. */
  readonly changed: readonly string[];
  /** Requests to the bucket, and bytes read from it. */
  readonly requests: number;
  readonly bytes: number;
}

export interface ServiceStatus {
  readonly id: string;
  readonly state: 'healthy' | 'unhealthy' | 'unknown' | 'stopped';
  readonly port?: number;
}

export interface TroubleStatus extends Trouble {
  /** The end of what the failing step said, redacted. */
  readonly output?: string;
}

export interface MistakeStatus {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly what: string;
  readonly instead: string;
}

/** The status without what changes at every sync: equal ones are no news, and are written again only to renew the lease. */
export function material(status: Status): string {
  const { at: _, lease, lastSync, waiting, waited, timeline: __, ...rest } = status;
  return JSON.stringify({
    ...rest,
    lease: lease && { ...lease, expires: undefined },
    changed: lastSync.changed,
    waiting: waiting.map(({ subject }) => subject),
    waited: waited.map(({ step, subject, code }) => [step, subject, code]),
  });
}
