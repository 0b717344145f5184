import type { FileWriter } from '../apply/files.ts';
import type { Eyes } from '../apply/observe.ts';
import type { SmallObject } from '../aws/small-objects.ts';
import type { Store } from '../bucket/store.ts';
import type { StateFiles } from '../ledger/state-files.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Metadata } from '../metadata/choose.ts';
import type { Override, Spec } from '../spec/spec.ts';
import type { Status } from '../status/status.ts';
import type { TimelineEntry } from '../status/timeline.ts';
import type { Settings } from '../userdata/settings.ts';
import type { Paths } from './paths.ts';
import type { Presence } from './presence.ts';
import type { Registrar } from './registrar.ts';
import type { ServiceHands } from './service-hands.ts';
import type { Live } from './upload.ts';
import type { WaitBook } from './wait-book.ts';

/** Everything outside the program, made once in `agent/main.ts`. What is not in here the agent cannot touch. */
export interface World {
  readonly settings: Settings;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly log: Log;
  readonly metadata: Metadata;
  readonly store: Store;
  readonly state: StateFiles;
  readonly eyes: Eyes;
  readonly files: FileWriter;
  readonly services: ServiceHands;
  readonly registrar: Registrar;
  readonly waits: WaitBook;
  readonly presence: Presence;
  /** Whether the system itself goes down: then nobody starts units any more. */
  readonly power: { goesDown: boolean };
  /** The spec that is in force from now on: its jobs go to the scheduler, its schedule to the agent. */
  readonly adopt: (spec: Spec) => void;
  /** What was adopted last in this life of the agent. */
  readonly adopted: () => Spec | undefined;
  /** An administrator's `[haulout]` on this machine, over the bucket's. */
  readonly override: () => Promise<Override>;
  /** The object by which the desk calls, if it is another one than `etag` names. */
  readonly wake: (etag: string | undefined) => Promise<SmallObject | undefined>;
  /** Hears of each step as it ends. */
  readonly onStep: (entry: TimelineEntry) => void;
  /** Where the status goes: disk, bucket, events. Never throws. */
  readonly report: (status: Status, live: Live | undefined) => Promise<void>;
  /** The last status again, changed, with the lease as it is now. Never throws. */
  readonly retell: (change: (status: Status) => Status) => Promise<void>;
}
