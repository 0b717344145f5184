import { randomBytes } from 'node:crypto';
import { errorCode } from '../../lib/errors.ts';
import type { Cable } from '../machine/network.ts';
import { Ec2Error } from './errors.ts';
import { Ec2Instance } from './instance.ts';
import type { Ground, Identity, Order } from './order.ts';

export interface Reservation {
  readonly reservationId: string;
  readonly instances: readonly Ec2Instance[];
}

export interface Limits {
  /** At a time, for those who ask by a request. */
  readonly mostInstances: number;
  /** How long a terminated instance is still shown. */
  readonly shownMs: number;
}

/** The instances of the cloud, in the order of their launch; those that have been terminated stay visible for a while. */
export class Instances {
  readonly #ground: Omit<Ground, 'isClosing'>;
  readonly #limits: Limits;
  #all: Ec2Instance[] = [];
  #closing = false;

  constructor(ground: Omit<Ground, 'isClosing'>, limits: Limits) {
    this.#ground = ground;
    this.#limits = limits;
  }

  get all(): readonly Ec2Instance[] {
    const horizon = Date.now() - this.#limits.shownMs;
    this.#all = this.#all.filter(({ terminatedAt }) => terminatedAt === undefined || terminatedAt.getTime() > horizon);
    return this.#all;
  }

  find(instanceId: string): Ec2Instance {
    if (!/^i-[0-9a-f]{8,32}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(instanceId)) {
      throw new Ec2Error('InvalidInstanceID.Malformed', `Invalid id: "${instanceId}"`);
    }
    const found = this.all.find((instance) => instance.instanceId === instanceId);
    if (found) return found;
    throw new Ec2Error('InvalidInstanceID.NotFound', `The instance ID '${instanceId}' does not exist`);
  }

  /** As many as can be had, at least `least`. They are pending; `boot` of each launches it. */
  async reserve(
    order: Order,
    { least, most }: { readonly least: number; readonly most: number },
  ): Promise<Reservation> {
    const room = this.#limits.mostInstances - this.all.filter(({ exists }) => exists).length;
    if (room < least) {
      const message = `You have requested more instances (${least}) than your current instance limit allows: ${Math.max(0, room)} more.`;
      throw new Ec2Error('InstanceLimitExceeded', message);
    }
    const cables = await this.#allocate(least, Math.min(most, room));
    const reservationId = newId('r');
    const instances = cables.map((cable, launchIndex) =>
      this.#add(order, { instanceId: newId('i'), reservationId, launchIndex, cable }),
    );
    return { reservationId, instances };
  }

  /** One more, whatever the limit. */
  async reserveOne(order: Order, instanceId = newId('i')): Promise<Ec2Instance> {
    const cable = await this.#ground.hosts.allocate(this.#addresses());
    return this.#add(order, { instanceId, reservationId: newId('r'), launchIndex: 0, cable });
  }

  /** From now on nothing is launched any more. */
  close(): void {
    this.#closing = true;
  }

  async settled(): Promise<void> {
    for (const instance of this.#all) await instance.settled();
  }

  #addresses(): Set<string> {
    return new Set(this.all.filter(({ exists }) => exists).map(({ cable }) => cable.address));
  }

  #add(order: Order, identity: Identity): Ec2Instance {
    const instance = new Ec2Instance(identity, order, { ...this.#ground, isClosing: () => this.#closing });
    this.#all.push(instance);
    return instance;
  }

  async #allocate(least: number, most: number): Promise<readonly Cable[]> {
    const inUse = this.#addresses();
    const cables: Cable[] = [];
    try {
      while (cables.length < most) {
        const cable = await this.#ground.hosts.allocate(inUse);
        inUse.add(cable.address);
        cables.push(cable);
      }
    } catch (error) {
      if (errorCode(error) !== 'launch-refused') throw error;
    }
    if (cables.length >= least) return cables;
    throw new Ec2Error('InsufficientInstanceCapacity', 'There are no more addresses for instances.');
  }
}

/** As EC2 makes them: a prefix and 17 hexadecimal digits. */
export function newId(prefix: string): string {
  return `${prefix}-0${randomBytes(8).toString('hex')}`;
}
