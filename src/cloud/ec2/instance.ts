import { asTrouble } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { LaunchOptions } from '../machine/launch.ts';
import type { Cable } from '../machine/network.ts';
import type { InstanceDescription, RoleCredentials } from '../metadata/description.ts';
import { ConsoleTail } from './console-tail.ts';
import { Ec2Error } from './errors.ts';
import type { Box, Hosts } from './hosts.ts';
import type { StateName } from './states.ts';

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
  readonly onTerminated: (instance: Ec2Instance) => Promise<void>;
  readonly isClosing: () => boolean;
}

const BY_USER: StateReason = { code: 'Client.UserInitiatedShutdown', message: 'User initiated shutdown' };
const BY_ITSELF: StateReason = {
  code: 'Client.InstanceInitiatedShutdown',
  message: 'Instance initiated shutdown',
};

/** One instance as EC2 tells of it, over the machine that it is. Its state changes at once, its machine in the background. */
export class Ec2Instance implements Identity {
  readonly instanceId: string;
  readonly reservationId: string;
  readonly launchIndex: number;
  readonly cable: Cable;
  readonly order: Order;
  readonly console = new ConsoleTail();
  metadata: MetadataSettings;
  launchedAt = new Date();
  terminatedAt: Date | undefined;
  reason: StateReason | undefined;
  readonly #ground: Ground;
  #state: StateName = 'pending';
  #box: Box | undefined;
  /** The machine that is being ended by us. */
  #ending: Box | undefined;
  #disk: string | undefined;
  #work: Promise<unknown> = Promise.resolve();

  constructor(identity: Identity, order: Order, ground: Ground) {
    this.instanceId = identity.instanceId;
    this.reservationId = identity.reservationId;
    this.launchIndex = identity.launchIndex;
    this.cable = identity.cable;
    this.order = order;
    this.metadata = order.metadata;
    this.#ground = ground;
  }

  get state(): StateName {
    return this.#state;
  }

  get exists(): boolean {
    return this.#state !== 'terminated';
  }

  get outlasting(): boolean {
    return this.#disk !== undefined;
  }

  /** A unix socket that leads to a port of its machine. */
  async forward(port: number): Promise<string> {
    if (!this.#box) throw new Error(`${this.instanceId} is ${this.#state}`);
    return await this.#box.forward(port);
  }

  /** Resolves when its user-data has begun to run; rejects when it cannot be had, and is then terminated. */
  boot(): Promise<void> {
    return this.#then(async () => {
      try {
        if (this.order.outlasting) this.#disk = await this.#ground.hosts.makeDisk(this.instanceId);
        await this.#launch();
      } catch (error) {
        this.reason = { code: 'Server.InternalError', message: asTrouble(error, 'cloud', this.instanceId).reason };
        await this.#gone();
        throw error;
      }
    });
  }

  /** From any state, and any number of times. */
  terminate(): void {
    if (this.#state === 'shutting-down' || this.#state === 'terminated') return;
    this.#state = 'shutting-down';
    this.reason = BY_USER;
    this.#inBackground(async () => {
      await this.#takeDown();
      await this.#gone();
    });
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await this.#work;
  }

  async #launch(): Promise<void> {
    const { hosts, describe } = this.#ground;
    if (this.#ground.isClosing()) throw new Error('the local cloud is being closed');
    const own = this.order.launchOptions(describe(this));
    const box = await hosts.launch(() => describe(this), {
      ...own,
      ...(this.#disk === undefined ? {} : { keep: this.#disk }),
      onConsole: (line) => {
        this.console.add(line);
        own.onConsole?.(line);
      },
    });
    this.#box = box;
    const onEnd = () => this.#ended(box);
    box.ended.then(onEnd, onEnd);
    if (this.#state === 'pending') this.#state = 'running';
  }

  async #takeDown(): Promise<void> {
    const box = this.#box;
    if (!box) return;
    this.#ending = box;
    const { log, shutdown } = this.#ground;
    const told = (error: unknown) => log.warn(`${this.instanceId}: ${asTrouble(error, 'cloud', '').reason}`);
    await shutdown(box).catch(told);
    await box.terminate().catch(told);
    this.#box = undefined;
  }

  /** Its machine is down. When that was not our doing, it went by itself or somebody pulled its plug. */
  #ended(box: Box): void {
    if (this.#ending === box || this.#box !== box) return;
    this.#state = 'shutting-down';
    this.reason = BY_ITSELF;
    this.#ending = box;
    this.#inBackground(async () => {
      await box.terminate().catch(() => undefined);
      this.#box = undefined;
      await this.#gone();
    });
  }

  async #gone(): Promise<void> {
    this.#state = 'terminated';
    this.terminatedAt = new Date();
    await this.#ground.onTerminated(this);
    if (this.#disk !== undefined) await this.#ground.hosts.dropDisk(this.instanceId);
  }

  #inBackground(action: () => Promise<void>): void {
    this.#then(action).catch((error) => {
      this.#ground.log.warn(`${this.instanceId}: ${asTrouble(error, 'cloud', '').reason}`);
    });
  }

  /** One thing after the other, whatever became of the one before. */
  #then(action: () => Promise<void>): Promise<void> {
    const done = this.#work.then(action);
    this.#work = done.catch(() => undefined);
    return done;
  }
}

export function wrongState(instance: Ec2Instance, what: string): Ec2Error {
  return new Ec2Error(
    'IncorrectInstanceState',
    `The instance '${instance.instanceId}' is not in a state from which it can be ${what}: it is ${instance.state}.`,
  );
}
