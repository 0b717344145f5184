import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Log } from '../lib/log.ts';
import { makeDataDirectory } from './data-directory.ts';
import type { Ec2LogEntry } from './ec2/exchange.ts';
import type { Ec2FaultRequest, Ec2Faults } from './ec2/faults.ts';
import type { Order } from './ec2/order.ts';
import { Ec2Endpoint } from './ec2/server.ts';
import { handedOut, newEc2, newS3, type RoleKey, silent } from './endpoints.ts';
import { Keys, type LocalKey } from './keys.ts';
import { LocalHosts } from './local-hosts.ts';
import { canRunMachines } from './machine/able.ts';
import type { LaunchOptions } from './machine/launch.ts';
import type { Machine } from './machine/machine.ts';
import { checkPort } from './machine/publish.ts';
import { type Exposed, MachineRoom } from './machine/room.ts';
import { PACKAGE_PORT } from './machine/seed.ts';
import type { InstanceDescription } from './metadata/description.ts';
import { DIALECTS, type Dialect } from './metadata/dialects.ts';
import { Mirror, type MirrorChange } from './mirror.ts';
import type { LocalCloudOptions } from './options.ts';
import { archivesOfThisMachine } from './packages/archives.ts';
import { PackageProxy } from './packages/proxy.ts';
import type { Faults } from './s3/faults.ts';
import { type Listening, listen } from './s3/listen.ts';
import type { Policy } from './s3/policy.ts';
import { S3Endpoint } from './s3/server.ts';

export {
  canRunMachines,
  checkPort,
  DIALECTS,
  type Dialect,
  Ec2Endpoint,
  type Ec2FaultRequest,
  type Ec2Faults,
  type Ec2LogEntry,
  type Exposed,
  type Faults,
  type InstanceDescription,
  type LaunchOptions,
  type LocalCloudOptions,
  type LocalKey,
  type Log,
  type Machine,
  Mirror,
  type MirrorChange,
  type Policy,
  S3Endpoint,
};

/** What an instance is launched with; the rest of its description is made up. */
export interface Launch extends LaunchOptions {
  readonly userData: Uint8Array;
  readonly role?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly httpTokens?: 'required' | 'optional';
  /** false: no role, so no credentials. A key of `cloud.keys.addRole`: what the role may do. Default: a role that may do everything. */
  readonly credentials?: boolean | (LocalKey & { readonly sessionToken: string });
}

/** The build puts what two programs share into dist/parts; the gateway stands beside the programs. */
const BESIDE_US = new URL(import.meta.url.includes('/parts/') ? '../gateway.mjs' : './gateway.mjs', import.meta.url);
const S3_PORT = 9000;
const EC2_PORT = 9001;

/**
 * A cloud on this machine: an S3 endpoint, an EC2 endpoint, a metadata service, and throw-away instances that really boot what
 * they are given.
 * `import { LocalCloud } from 'haulout/local'`. It is not Amazon: what each part does not do stands at the top of its file.
 * The endpoints work everywhere; instances need Linux and root (`canRunMachines`).
 */
export class LocalCloud {
  readonly region: string;
  /** For clients on this machine. */
  readonly endpoint: string;
  /** The same store, as instances reach it. */
  readonly instanceEndpoint: string;
  readonly ec2Endpoint: string;
  readonly ec2InstanceEndpoint = `http://10.77.0.1:${EC2_PORT}`;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly s3: S3Endpoint;
  readonly ec2: Ec2Endpoint;
  /** Further keys, with policies. */
  readonly keys: Keys;
  readonly #log: Log;
  readonly #data: string;
  readonly #gatewayScript: string;
  readonly #around: (handler: RequestListener) => RequestListener;
  readonly #closers: (() => Promise<void>)[] = [];
  readonly #roleKey: RoleKey;
  readonly #hosts: LocalHosts;
  #room: Promise<MachineRoom> | undefined;
  #packages: PackageProxy | undefined;

  private constructor(parts: Opened, options: LocalCloudOptions) {
    this.region = parts.region;
    const { basePath = '' } = options;
    this.endpoint = parts.s3Listening.url + basePath;
    this.instanceEndpoint = `http://10.77.0.1:${S3_PORT}${basePath}`;
    this.ec2Endpoint = parts.ec2Listening.url;
    this.accessKeyId = parts.desk.accessKeyId;
    this.secretAccessKey = parts.desk.secretAccessKey;
    this.s3 = parts.s3;
    this.ec2 = parts.ec2;
    this.keys = parts.keys;
    this.#hosts = parts.hosts;
    this.#roleKey = parts.roleKey;
    this.#data = parts.data;
    this.#closers.push(parts.s3Listening.close, parts.ec2Listening.close);
    this.#log = options.log ?? silent;
    this.#around = options.around ?? ((handler) => handler);
    this.#gatewayScript = options.gatewayScript ?? fileURLToPath(BESIDE_US);
  }

  static async open(options: LocalCloudOptions = {}): Promise<LocalCloud> {
    const region = options.region ?? 'us-east-1';
    const data = await makeDataDirectory();
    const keys = new Keys();
    const desk = keys.add();
    const roleKey = keys.addRole();
    const s3 = newS3({ region, keys, data }, options);
    // The room is opened for the first instance: by then there is a cloud.
    let cloud: LocalCloud;
    const hosts = new LocalHosts(
      () => cloud.#opened(),
      (root) => cloud.#admit(root),
      data,
    );
    const ec2 = newEc2({ region, keys, roleKey, hosts }, options);
    const undo: (() => Promise<void>)[] = [() => rm(data, { recursive: true, force: true })];
    const listening = async (handler: RequestListener, port = 0) => {
      const made = await listen(handler, { host: '127.0.0.1', port });
      undo.unshift(made.close);
      return made;
    };
    try {
      const s3Listening = await listening(s3.handler, options.s3Port);
      const ec2Listening = await listening(ec2.handler, options.ec2Port);
      const parts = { region, data, keys, desk, roleKey, s3, ec2, hosts, s3Listening, ec2Listening };
      cloud = new LocalCloud(parts, options);
      return cloud;
    } catch (error) {
      for (const step of undo) await step();
      throw error;
    }
  }

  /** A directory as a prefix of a bucket, uploaded whole. */
  async mirror(directory: string, bucket: string, prefix: string): Promise<Mirror> {
    this.s3.createBucket(bucket);
    const mirror = new Mirror(this.s3, directory, bucket, prefix);
    this.#closers.push(() => mirror.close());
    await mirror.fill();
    return mirror;
  }

  /** A server, a handler or a unix socket of this machine that instances reach; the answer is its URL there. */
  async expose(port: number, target: Exposed): Promise<string> {
    return await (await this.#opened()).expose(port, target);
  }

  /** A new instance; resolves when its user-data has begun to run. The EC2 endpoint knows it like any other. */
  async launch(launch: Launch): Promise<Machine> {
    const { credentials = true, role } = launch;
    const order: Order = {
      imageId: 'ami-0123456789abcdef0',
      instanceType: 't3.micro',
      userData: launch.userData,
      metadata: { httpTokens: launch.httpTokens ?? 'required', hopLimit: 1, tags: true },
      whenDown: 'terminate',
      outlasting: false,
      launchOptions: () => launch,
      ...(credentials === false
        ? {}
        : { credentials: () => handedOut(credentials === true ? this.#roleKey : credentials) }),
    };
    const tags = { ...(role === undefined ? {} : { Name: role }), ...launch.tags };
    const id = launch.metadata?.dialect === 'openstack' ? randomUUID() : undefined;
    const { instanceId } = await this.ec2.launch(order, tags, id);
    return this.#hosts.machine(instanceId)!;
  }

  /** What an instance runs on, whoever launched it: `instanceId` as EC2 tells it. */
  machine(instanceId: string): Machine | undefined {
    return this.#hosts.machine(instanceId);
  }

  /**
   * From now on the metadata service of this instance says `text` at `path` below meta-data/ (`spot/instance-action`,
   * `autoscaling/target-lifecycle-state` ...); undefined: there is nothing any more.
   */
  announce(machine: Pick<Machine, 'instanceId'>, path: string, text: string | undefined): void {
    this.#hosts.announce(machine.instanceId, path, text);
  }

  /** Ends every instance and leaves nothing behind. */
  async close(): Promise<void> {
    await this.ec2.close();
    const room = await this.#room?.catch(() => undefined);
    await room?.close();
    await this.ec2.settled();
    for (const close of this.#closers.splice(0).reverse()) await close();
    await this.s3.close();
    await rm(this.#data, { recursive: true, force: true });
  }

  /** One for all instances; where it could not be opened, the next instance tries it anew. */
  #opened(): Promise<MachineRoom> {
    this.#room ??= this.#openRoom().catch((error: unknown) => {
      this.#room = undefined;
      throw error;
    });
    return this.#room;
  }

  async #admit(root: string): Promise<void> {
    const { origins } = await archivesOfThisMachine(root);
    this.#packages?.allow(origins);
  }

  async #openRoom(): Promise<MachineRoom> {
    const log = this.#log;
    const room = await MachineRoom.open({ gatewayScript: this.#gatewayScript, log });
    try {
      this.#packages = new PackageProxy({ archives: await archivesOfThisMachine(), log });
      await room.expose(PACKAGE_PORT, this.#packages.server);
      await room.expose(S3_PORT, this.#around(this.s3.handler));
      await room.expose(EC2_PORT, this.ec2.handler);
      return room;
    } catch (error) {
      await room.close();
      throw error;
    }
  }
}

interface Opened {
  readonly region: string;
  readonly data: string;
  readonly keys: Keys;
  readonly desk: LocalKey;
  readonly roleKey: RoleKey;
  readonly s3: S3Endpoint;
  readonly ec2: Ec2Endpoint;
  readonly hosts: LocalHosts;
  readonly s3Listening: Listening;
  readonly ec2Listening: Listening;
}
