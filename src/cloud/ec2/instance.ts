import { asTrouble } from '../../lib/errors.ts';
import type { Cable } from '../machine/network.ts';
import { ConsoleTail } from './console-tail.ts';
import { Ec2Error } from './errors.ts';
import type { Box } from './hosts.ts';
import type { Ground, Identity, MetadataSettings, Order, StateReason } from './order.ts';
import type { StateName } from './states.ts';

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

  /** Whether its disk stays when its machine goes; not everywhere can it be had, which shows at the first boot. */
  get outlasting(): boolean {
    return this.#disk !== undefined || (this.#state === 'pending' && this.order.outlasting);
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
        await this.#launch(false);
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

  /** `force`: its services are given no time. */
  stop(force: boolean): void {
    if (this.#state === 'stopping' || this.#state === 'stopped') return;
    this.#state = 'stopping';
    this.reason = BY_USER;
    this.#inBackground(async () => {
      await this.#takeDown(force);
      if (this.#state === 'stopping') this.#state = 'stopped';
    });
  }

  /** Boots from its disk, as it was when it was stopped. */
  start(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'pending';
    this.reason = undefined;
    this.launchedAt = new Date();
    this.#inBackground(() => this.#launchAgain());
  }

  /** It runs all the while, as far as EC2 tells. */
  reboot(): void {
    this.#inBackground(async () => {
      await this.#takeDown();
      await this.#launchAgain();
    });
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await this.#work;
  }

  async #launch(again: boolean): Promise<void> {
    const { hosts, describe } = this.#ground;
    if (this.#ground.isClosing()) throw new Error('the local cloud is being closed');
    const own = this.order.launchOptions(describe(this));
    const box = await hosts.launch(() => describe(this), {
      ...own,
      ...(this.#disk === undefined ? {} : { keep: this.#disk }),
      ...(again ? { again } : {}),
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

  /** Its disk is there still: when it cannot be had, it is stopped. */
  async #launchAgain(): Promise<void> {
    if (this.#state !== 'pending' && this.#state !== 'running') return;
    await this.#launch(true).catch((error) => {
      this.reason = { code: 'Server.InternalError', message: asTrouble(error, 'cloud', this.instanceId).reason };
      if (this.#state !== 'shutting-down') this.#state = 'stopped';
      throw error;
    });
  }

  async #takeDown(force = false): Promise<void> {
    const box = this.#box;
    if (!box) return;
    this.#ending = box;
    const { log, shutdown } = this.#ground;
    const told = (error: unknown) => log.warn(`${this.instanceId}: ${asTrouble(error, 'cloud', '').reason}`);
    if (!force) await shutdown(box).catch(told);
    await box.terminate().catch(told);
    this.#down();
  }

  /** Its machine is down. When that was not our doing, it went by itself or somebody pulled its plug. */
  #ended(box: Box): void {
    if (this.#ending === box || this.#box !== box) return;
    const stays = this.outlasting && this.order.whenDown === 'stop';
    this.#state = stays ? 'stopping' : 'shutting-down';
    this.reason = BY_ITSELF;
    this.#ending = box;
    this.#inBackground(async () => {
      await box.terminate().catch(() => undefined);
      this.#down();
      if (!stays) await this.#gone();
      else if (this.#state === 'stopping') this.#state = 'stopped';
    });
  }

  #down(): void {
    this.#box = undefined;
    this.#ground.onDown(this);
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
