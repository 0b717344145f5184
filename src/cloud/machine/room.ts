import { existsSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { HauloutError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { InstanceDescription } from '../metadata/description.ts';
import { GatewayProcess } from './gateway-process.ts';
import { type LaunchOptions, launch } from './launch.ts';
import type { Machine } from './machine.ts';
import { type Cable, GATEWAY_ADDRESS, isInstanceAddress, layCloud, METADATA_ADDRESS, nextCable } from './network.ts';
import { makeRunDirectory, RUN_ROOT, removeRunDirectory, sweepLeftovers } from './run-directory.ts';
import { PACKAGE_PORT } from './seed.ts';
import { listenOn } from './unix-server.ts';

export interface RoomOptions {
  /** The built gateway program, dist/gateway.mjs. */
  readonly gatewayScript: string;
  readonly log: Log;
  /** Where run directories are made; tests give their own. */
  readonly runRoot?: string;
}

/** As on EC2, or a UUID as on OpenStack. */
const INSTANCE_ID = /^(i-[0-9a-f]{1,32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** What an instance may reach at the gateway's address: a unix socket, or a server or handler of this process. */
export type Exposed = string | http.Server | http.RequestListener;

/**
 * The place where throw-away instances run: a network of its own, with a metadata service and what is exposed to it, and nothing
 * else. All of it dies with this process.
 */
export class MachineRoom {
  readonly #runDirectory: string;
  readonly #runRoot: string;
  readonly #gateway: GatewayProcess;
  readonly #log: Log;
  readonly #machines = new Map<string, Machine | 'launching'>();
  readonly #servers: (() => Promise<void>)[] = [];
  #lastCable: Cable | undefined;
  #packages = false;
  #closing = false;

  private constructor(runDirectory: string, runRoot: string, gateway: GatewayProcess, log: Log) {
    this.#runDirectory = runDirectory;
    this.#runRoot = runRoot;
    this.#gateway = gateway;
    this.#log = log;
    void gateway.ended.then(() => {
      if (!this.#closing) log.error('the gateway of the local cloud has ended: its instances have no network any more');
    });
  }

  /** Also clears what a local cloud that was killed left behind. */
  static async open(options: RoomOptions): Promise<MachineRoom> {
    const runRoot = options.runRoot ?? RUN_ROOT;
    const swept = await sweepLeftovers(runRoot);
    if (swept.length > 0) options.log.debug(`cleared what a killed local cloud left: ${swept.join(', ')}`);
    const runDirectory = makeRunDirectory(runRoot);
    try {
      const gateway = await GatewayProcess.start(options.gatewayScript);
      await layCloud(gateway.pid);
      const asker = { path: join(runDirectory, 'metadata-{peer}.sock') };
      await gateway.inward({ host: METADATA_ADDRESS, port: 80 }, asker);
      return new MachineRoom(runDirectory, runRoot, gateway, options.log);
    } catch (error) {
      removeRunDirectory(runDirectory, runRoot);
      throw error;
    }
  }

  /** Process that holds the cloud's network namespace. */
  get gatewayPid(): number {
    return this.#gateway.pid;
  }

  /** Makes something reachable for instances; the answer is its URL there. On PACKAGE_PORT it is taken for the package proxy. */
  async expose(port: number, target: Exposed): Promise<string> {
    const path = typeof target === 'string' ? target : await this.#serve(port, target);
    await this.#gateway.inward({ host: GATEWAY_ADDRESS, port }, { path });
    if (port === PACKAGE_PORT) this.#packages = true;
    return `http://${GATEWAY_ADDRESS}:${port}`;
  }

  /**
   * An address and a MAC for a description, none of `inUse`. An address comes round again only when all others had their turn.
   */
  allocate(inUse: ReadonlySet<string> = new Set()): Cable {
    const cable = nextCable(this.#lastCable, new Set([...this.#machines.keys(), ...inUse]));
    if (cable === undefined)
      throw refused('all addresses', 'every address has an instance', 'terminate an instance first');
    this.#lastCable = cable;
    return cable;
  }

  /** Resolves when the user-data has begun to run. `describe` is asked again at every metadata request. */
  async launch(describe: () => InstanceDescription, options: LaunchOptions = {}): Promise<Machine> {
    const { instanceId, localIpv4 } = describe();
    this.#check(instanceId, localIpv4);
    this.#machines.set(localIpv4, 'launching');
    const around = {
      runDirectory: this.#runDirectory,
      gateway: this.#gateway,
      packages: this.#packages,
      log: this.#log,
    };
    const machine = await launch(describe, options, around, () => this.#machines.delete(localIpv4));
    this.#machines.set(localIpv4, machine);
    return machine;
  }

  /** Terminates what runs and leaves nothing. */
  async close(): Promise<void> {
    this.#closing = true;
    const machines = [...this.#machines.values()].filter((machine) => machine !== 'launching');
    const ends = await Promise.allSettled(machines.map((machine) => machine.terminate()));
    await this.#gateway.close();
    for (const end of this.#servers.splice(0)) await end();
    removeRunDirectory(this.#runDirectory, this.#runRoot);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #serve(port: number, target: http.Server | http.RequestListener): Promise<string> {
    const path = join(this.#runDirectory, `exposed-${port}.sock`);
    const server = typeof target === 'function' ? http.createServer(target) : target;
    this.#servers.push(await listenOn(server, path));
    return path;
  }

  /** They become parts of paths and of device names. */
  #check(instanceId: string, address: string): void {
    const hint = 'use an id like i-0123456789abcdef0 and an address from allocate()';
    if (!INSTANCE_ID.test(instanceId)) throw refused(`instance ${instanceId}`, 'not an instance id', hint);
    if (existsSync(join(this.#runDirectory, instanceId))) {
      throw refused(`instance ${instanceId}`, 'an instance has this id already', hint);
    }
    if (!isInstanceAddress(address)) throw refused(`address ${address}`, 'not an address of the local cloud', hint);
    if (this.#machines.has(address)) throw refused(`address ${address}`, 'an instance has this address already', hint);
  }
}

function refused(subject: string, reason: string, hint: string): HauloutError {
  return new HauloutError({ code: 'launch-refused', step: 'cloud', subject, reason, hint });
}
