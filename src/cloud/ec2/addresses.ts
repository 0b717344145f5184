import { Door } from './door.ts';
import { Ec2Error } from './errors.ts';
import type { Ec2Instance } from './instance.ts';
import { newId } from './instances.ts';
import { portTaken, type Reserved, reserveAddress } from './loopback.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html#using-instance-addressing-limit */
const MOST_ADDRESSES = 5;

interface Association {
  readonly associationId: string;
  readonly instance: Ec2Instance;
}

/** An elastic IP. The address is one of this machine's loopback network; what goes to its ports goes to the instance's. */
export interface Address {
  readonly publicIp: string;
  readonly allocationId: string;
  readonly association: Association | undefined;
}

interface HeldAddress extends Address {
  association: Association | undefined;
  readonly reserved: Reserved;
  readonly door: Door;
}

/** The elastic IPs of the cloud. */
export class Addresses {
  readonly #ports: readonly number[];
  readonly #held = new Map<string, HeldAddress>();
  #allocating = 0;

  constructor(ports: readonly number[]) {
    this.#ports = ports;
  }

  get all(): readonly Address[] {
    return [...this.#held.values()];
  }

  of(instance: Ec2Instance): Address | undefined {
    return this.all.find(({ association }) => association?.instance === instance);
  }

  async allocate(): Promise<Address> {
    if (this.#held.size + this.#allocating >= MOST_ADDRESSES) {
      throw new Ec2Error('AddressLimitExceeded', 'The maximum number of addresses has been reached.');
    }
    this.#allocating++;
    try {
      const reserved = await reserveAddress(this.#ports);
      const { address: publicIp } = reserved;
      const door = new Door(publicIp, this.#ports);
      const allocationId = newId('eipalloc');
      const held: HeldAddress = { publicIp, allocationId, association: undefined, reserved, door };
      this.#held.set(allocationId, held);
      return held;
    } finally {
      this.#allocating--;
    }
  }

  byAllocation(allocationId: string): Address {
    const found = this.#held.get(allocationId);
    if (found) return found;
    throw new Ec2Error('InvalidAllocationID.NotFound', `The allocation ID '${allocationId}' does not exist`);
  }

  byAddress(publicIp: string): Address {
    const found = this.all.find((address) => address.publicIp === publicIp);
    if (found) return found;
    throw new Ec2Error('InvalidAddress.NotFound', `Address '${publicIp}' not found.`);
  }

  byAssociation(associationId: string): Address {
    const found = this.all.find(({ association }) => association?.associationId === associationId);
    if (found) return found;
    throw new Ec2Error('InvalidAssociationID.NotFound', `The association ID '${associationId}' does not exist`);
  }

  /**
   * From now on the address leads there. Another one that the instance had is its no more, but stays allocated.
   * The same association again changes nothing.
   */
  async associate({ allocationId }: Address, instance: Ec2Instance, reassociate: boolean): Promise<string> {
    const address = this.#held.get(allocationId)!;
    const before = address.association;
    if (before?.instance === instance) return before.associationId;
    if (before && !reassociate) {
      const message = `resource ${allocationId} is already associated with associate-id ${before.associationId}`;
      throw new Ec2Error('Resource.AlreadyAssociated', message);
    }
    const previous = this.of(instance);
    const association = { associationId: newId('eipassoc'), instance };
    address.association = association;
    if (previous) await this.disassociate(previous);
    await address.door
      .lead((port) => instance.forward(port))
      .catch(async (error) => {
        if (address.association === association) await this.disassociate(address);
        throw portTaken(address.publicIp, error);
      });
    return association.associationId;
  }

  /** Ends the connections to an instance. It keeps its address. */
  hangUp(instance: Ec2Instance): void {
    for (const { association, door } of this.#held.values()) if (association?.instance === instance) door.hangUp();
  }

  async disassociate({ allocationId }: Address): Promise<void> {
    const address = this.#held.get(allocationId)!;
    address.association = undefined;
    await address.door.close();
  }

  async release({ allocationId, publicIp, association }: Address): Promise<void> {
    if (association) throw new Ec2Error('InvalidIPAddress.InUse', `Address ${publicIp} is in use.`);
    const { door, reserved } = this.#held.get(allocationId)!;
    this.#held.delete(allocationId);
    await door.close();
    await reserved.release();
  }

  async close(): Promise<void> {
    for (const address of [...this.#held.values()]) {
      await this.disassociate(address);
      await this.release(address);
    }
  }
}
