import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hosts } from './ec2/hosts.ts';
import { type Able, canRunMachines } from './machine/able.ts';
import { canHoldDisks } from './machine/disks.ts';
import type { LaunchOptions } from './machine/launch.ts';
import type { Machine } from './machine/machine.ts';
import type { Cable } from './machine/network.ts';
import type { MachineRoom } from './machine/room.ts';
import type { InstanceDescription } from './metadata/description.ts';

/** The throw-away instances of this machine, as the EC2 endpoint wants them. The room is opened for the first of them. */
export class LocalHosts implements Hosts {
  readonly #room: () => Promise<MachineRoom>;
  readonly #admit: (root: string) => Promise<void>;
  readonly #disks: string;
  readonly #machines = new Map<string, Machine>();
  readonly #announced = new Map<string, Map<string, string>>();
  #able: Promise<Able> | undefined;
  #holdsDisks: Promise<boolean> | undefined;

  /** `admit`: instances of this root may ask the archives of its apt. */
  constructor(room: () => Promise<MachineRoom>, admit: (root: string) => Promise<void>, dataDirectory: string) {
    this.#room = room;
    this.#admit = admit;
    this.#disks = join(dataDirectory, 'disks');
  }

  /** Once it was so, it stays so. */
  async able(): Promise<Able> {
    this.#able ??= canRunMachines();
    const able = await this.#able;
    if (!able.ok) this.#able = undefined;
    return able;
  }

  async allocate(inUse: ReadonlySet<string>): Promise<Cable> {
    return (await this.#room()).allocate(inUse);
  }

  async makeDisk(instanceId: string): Promise<string | undefined> {
    await mkdir(this.#disks, { recursive: true, mode: 0o700 });
    this.#holdsDisks ??= canHoldDisks(this.#disks);
    if (!(await this.#holdsDisks)) return undefined;
    const disk = join(this.#disks, instanceId);
    await mkdir(disk, { mode: 0o700 });
    return disk;
  }

  async dropDisk(instanceId: string): Promise<void> {
    await rm(join(this.#disks, instanceId), { recursive: true, force: true });
  }

  async launch(describe: () => InstanceDescription, options: LaunchOptions): Promise<Machine> {
    const room = await this.#room();
    if (options.root !== undefined) await this.#admit(options.root);
    const machine = await room.launch(() => this.#withAnnounced(describe()), options);
    this.#machines.set(machine.instanceId, machine);
    return machine;
  }

  /** What the metadata service of an instance says below meta-data/, beside what it always says; undefined: nothing any more. */
  announce(instanceId: string, path: string, text: string | undefined): void {
    const said = this.#announced.get(instanceId) ?? new Map<string, string>();
    this.#announced.set(instanceId, said);
    if (text === undefined) said.delete(path);
    else said.set(path, text);
  }

  #withAnnounced(description: InstanceDescription): InstanceDescription {
    const said = this.#announced.get(description.instanceId);
    return said ? { ...description, extra: { ...description.extra, ...Object.fromEntries(said) } } : description;
  }

  /** What an instance runs on, or ran on last. */
  machine(instanceId: string): Machine | undefined {
    return this.#machines.get(instanceId);
  }
}
