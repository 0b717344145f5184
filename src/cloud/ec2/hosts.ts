import type { Able } from '../machine/able.ts';
import type { LaunchOptions } from '../machine/launch.ts';
import type { Machine } from '../machine/machine.ts';
import type { Cable } from '../machine/network.ts';
import type { InstanceDescription } from '../metadata/description.ts';

/** What of a throw-away instance this endpoint needs. */
export type Box = Pick<Machine, 'exec' | 'forward' | 'terminate' | 'ended'>;

/** Where instances come from. The local cloud makes throw-away instances; tests of the protocol make nothing. */
export interface Hosts {
  able(): Promise<Able>;
  /** An address that no instance has, and none of `inUse`. When there is none: an error of the code `launch-refused`. */
  allocate(inUse: ReadonlySet<string>): Promise<Cable>;
  /** A directory for a disk that outlasts the machine; undefined where there can be none. */
  makeDisk(instanceId: string): Promise<string | undefined>;
  dropDisk(instanceId: string): Promise<void>;
  /** Resolves when the user-data has begun to run. */
  launch(describe: () => InstanceDescription, options: LaunchOptions): Promise<Box>;
}
