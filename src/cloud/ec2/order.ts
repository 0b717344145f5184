import type { Log } from '../../lib/log.ts';
import type { LaunchOptions } from '../machine/launch.ts';
import type { Cable } from '../machine/network.ts';
import type { InstanceDescription, RoleCredentials } from '../metadata/description.ts';
import type { Box, Hosts } from './hosts.ts';
import type { Ec2Instance } from './instance.ts';

/** How the metadata service of an instance is set. */
export interface MetadataSettings {
  readonly httpTokens: 'required' | 'optional';
  /** Shown, and without effect: an instance's network has one hop. */
  readonly hopLimit: number;
  readonly tags: boolean;
}

/** What an instance is launched with. */
export interface Order {
  readonly imageId: string;
  readonly instanceType: string;
  readonly userData: Uint8Array | undefined;
  readonly metadata: MetadataSettings;
  readonly keyName?: string;
  readonly clientToken?: string;
  readonly roleName?: string;
  readonly credentials?: () => RoleCredentials;
  /** What becomes of it when it goes down by itself. */
  readonly whenDown: 'stop' | 'terminate';
  /** Whether its disk outlasts its machine, so that it may be stopped and started. */
  readonly outlasting: boolean;
  readonly launchOptions: (about: InstanceDescription) => LaunchOptions;
}

export interface Identity {
  readonly instanceId: string;
  readonly reservationId: string;
  readonly launchIndex: number;
  readonly cable: Cable;
}

export interface StateReason {
  readonly code: string;
  readonly message: string;
}

/** What an instance stands on. */
export interface Ground {
  readonly hosts: Hosts;
  readonly log: Log;
  readonly describe: (instance: Ec2Instance) => InstanceDescription;
  /** Lets a machine end its services before it is killed. */
  readonly shutdown: (box: Box) => Promise<void>;
  /** Its machine is gone: whoever was connected to it shall know. */
  readonly onDown: (instance: Ec2Instance) => void;
  readonly onTerminated: (instance: Ec2Instance) => Promise<void>;
  readonly isClosing: () => boolean;
}
