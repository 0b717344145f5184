import type { MirrorChange } from '../../cloud/local.ts';

/**
 * What `haulout try --events` prints, one object a line. Other programs rely on it: fields are added, never renamed.
 * Durations are milliseconds, times ISO 8601.
 */
export type TryEvent =
  | CloudEvent
  | LaunchedEvent
  | PhaseEvent
  | ReadyEvent
  | SyncedEvent
  | FailedEvent
  | TerminatedEvent;

/** On every event. `instanceId` and `role` are empty on `cloud`. */
interface Common {
  readonly schema: 1;
  readonly at: string;
  readonly instanceId: string;
  readonly role: string;
}

interface Store {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The endpoint answers. */
export interface CloudEvent extends Common, Store {
  readonly event: 'cloud';
}

/** The instance runs its user-data. */
export interface LaunchedEvent extends Common {
  readonly event: 'launched';
  readonly address: string;
}

/** A station of the boot has ended: `launcher`, `metadata`, `bucket`, `spec`, `facts`, `packages`, `files`, `service`. */
export interface PhaseEvent extends Common {
  readonly event: 'phase';
  readonly phase: string;
  readonly subject: string;
  readonly ms: number;
  /** After the launch. */
  readonly sinceLaunchMs: number;
  readonly ok: boolean;
}

/** It is as its bucket wants it. */
export interface ReadyEvent extends Common, Store {
  readonly event: 'ready';
  /** Leads to the first service that has a port; null if nothing listens. */
  readonly url: string | null;
  readonly prefix: string;
  readonly bootMs: number;
}

/** A later sync that did something, was asked for, or ended a trouble. */
export interface SyncedEvent extends Common {
  readonly event: 'synced';
  readonly changed: readonly string[];
  readonly steps: number;
  readonly requests: number;
  readonly bytes: number;
  readonly ms: number;
}

export interface FailedEvent extends Common {
  readonly event: 'failed';
  readonly code: string;
  readonly step: string;
  readonly subject: string;
  readonly cause: string;
  readonly hint: string;
  /** Every mistake of a spec that was refused. */
  readonly mistakes?: readonly { file: string; line: number; column: number; what: string; instead: string }[];
  /** The end of what the failing step printed, redacted. */
  readonly output?: string;
}

export interface TerminatedEvent extends Common {
  readonly event: 'terminated';
  /** Where its disk is, with --keep. */
  readonly disk?: string;
}

/** Who hears of a session: programs, or people. */
export interface Audience {
  event(event: TryEvent): void;
  /** A line of an instance's console. */
  console(role: string, line: string): void;
  /** An edit of the directory has reached the bucket. */
  change(role: string, change: MirrorChange): void;
  /** Nothing more comes. */
  end(): void;
}

type Bare<E> = E extends TryEvent ? Omit<E, 'schema' | 'at' | 'instanceId' | 'role'> : never;
/** An event without what the session knows. */
export type NewEvent = Bare<TryEvent>;
