import { randomBytes, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Log } from '../lib/log.ts';
import { makeDataDirectory } from './data-directory.ts';
import { Keys, type LocalKey } from './keys.ts';
import { canRunMachines } from './machine/able.ts';
import type { LaunchOptions } from './machine/launch.ts';
import type { Machine } from './machine/machine.ts';
import { checkPort } from './machine/publish.ts';
import { type Exposed, MachineRoom } from './machine/room.ts';
import { PACKAGE_PORT } from './machine/seed.ts';
import type { InstanceDescription } from './metadata/description.ts';
import { DIALECTS, type Dialect } from './metadata/dialects.ts';
import { Mirror, type MirrorChange } from './mirror.ts';
import { archivesOfThisMachine } from './packages/archives.ts';
import { PackageProxy } from './packages/proxy.ts';
import type { Faults } from './s3/faults.ts';
import { listen } from './s3/listen.ts';
import type { Policy } from './s3/policy.ts';
import { type RequestLogEntry, S3Endpoint } from './s3/server.ts';

export {
  canRunMachines,
  checkPort,
  DIALECTS,
  type Dialect,
  type Exposed,
  type Faults,
  type InstanceDescription,
  type LaunchOptions,
  type LocalKey,
  type Log,
  type Machine,
  Mirror,
  type MirrorChange,
  type Policy,
  S3Endpoint,
};

/**
 * A cloud on this machine: an S3 endpoint, a metadata service and throw-away instances that really boot what they are given.
 * `import { LocalCloud } from 'haulout/local'`. It is not Amazon: what each part does not do stands at the top of its file.
 * The S3 endpoint works everywhere; instances need Linux and root (`canRunMachines`).
 */
export interface LocalCloudOptions {
  readonly log?: Log;
  /** Local port of the S3 endpoint. Default: a free one. */
  readonly s3Port?: number;
  readonly region?: string;
  readonly onRequest?: (entry: RequestLogEntry) => void;
  /** Default: gateway.mjs beside this program. */
  readonly gatewayScript?: string;
  /** Misbehaviour of the S3 endpoint, asked at every request. */
  readonly faults?: Faults;
  /** Whether requests without a signature may read and list. Default false. */
  readonly anonymousRead?: boolean;
  /** `v1-only`: an S3 endpoint that does not know ListObjectsV2, as the Walrus of Eucalyptus 4. */
  readonly listing?: 'v1-only';
  /** Most entries of one page of a listing. Default 1,000. */
  readonly pageKeys?: number;
  /** `bare`: If-Match holds only without quotes, as by Walrus. */
  readonly ifMatch?: 'bare';
  /** The path of the S3 endpoint, such as `/services/Walrus`; it is part of `endpoint` and `instanceEndpoint`. */
  readonly basePath?: string;
  /** What stands between instances and the S3 endpoint: a bad network, in tests. */
  readonly around?: (handler: RequestListener) => RequestListener;
  /** Whether requests without a signature may write and delete: a mistake that `haulout doctor` must find. Default false. */
  readonly anonymousWrite?: boolean;
}

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
const ACCOUNT = '123456789012';
const ROLE_NAME = 'haulout-instance';
const HOUR = 3_600_000;

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export class LocalCloud {
  readonly region: string;
  /** For clients on this machine. */
  readonly endpoint: string;
  /** The same store, as instances reach it. */
  readonly instanceEndpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly s3: S3Endpoint;
  /** Further keys, with policies. */
  readonly keys: Keys;
  readonly #log: Log;
  readonly #data: string;
  readonly #gatewayScript: string;
  readonly #around: (handler: RequestListener) => RequestListener;
  readonly #closers: (() => Promise<void>)[] = [];
  readonly #roleKey: LocalKey & { readonly sessionToken: string };
  readonly #announced = new Map<string, Map<string, string>>();
  #room: Promise<MachineRoom> | undefined;

  private constructor(parts: Opened, options: LocalCloudOptions) {
    this.region = parts.region;
    const { basePath = '' } = options;
    this.endpoint = parts.url + basePath;
    this.instanceEndpoint = `http://10.77.0.1:${S3_PORT}${basePath}`;
    this.accessKeyId = parts.desk.accessKeyId;
    this.secretAccessKey = parts.desk.secretAccessKey;
    this.s3 = parts.s3;
    this.keys = parts.keys;
    this.#roleKey = parts.keys.addRole();
    this.#data = parts.data;
    this.#closers.push(parts.close);
    this.#log = options.log ?? silent;
    this.#around = options.around ?? ((handler) => handler);
    this.#gatewayScript = options.gatewayScript ?? fileURLToPath(BESIDE_US);
  }

  static async open(options: LocalCloudOptions = {}): Promise<LocalCloud> {
    const region = options.region ?? 'us-east-1';
    const data = await makeDataDirectory();
    const keys = new Keys();
    const desk = keys.add();
    const { onRequest, faults, listing, pageKeys, ifMatch, basePath } = options;
    const s3 = new S3Endpoint({
      region,
      keys: keys.find,
      dataDirectory: data,
      accountId: ACCOUNT,
      anonymousRead: options.anonymousRead ?? false,
      anonymousWrite: options.anonymousWrite ?? false,
      ...(onRequest ? { onRequest } : {}),
      ...(faults ? { faults } : {}),
      ...(listing ? { listing } : {}),
      ...(pageKeys ? { pageKeys } : {}),
      ...(ifMatch ? { ifMatch } : {}),
      ...(basePath ? { basePath } : {}),
    });
    const { url, close } = await listen(s3.handler, { host: '127.0.0.1', port: options.s3Port ?? 0 });
    return new LocalCloud({ region, url, s3, keys, desk, data, close }, options);
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

  /** A new instance; resolves when its user-data has begun to run. */
  async launch(launch: Launch): Promise<Machine> {
    const room = await this.#opened();
    const { address, mac } = room.allocate();
    const { credentials = true } = launch;
    const { accessKeyId, secretAccessKey, sessionToken } =
      typeof credentials === 'object' ? credentials : this.#roleKey;
    const roleKey = { accessKeyId, secretAccessKey, sessionToken };
    const description: InstanceDescription = {
      instanceId: launch.metadata?.dialect === 'openstack' ? randomUUID() : `i-0${randomBytes(8).toString('hex')}`,
      instanceType: 't3.micro',
      imageId: 'ami-0123456789abcdef0',
      region: this.region,
      availabilityZone: `${this.region}a`,
      localIpv4: address,
      mac,
      hostname: `ip-${address.replaceAll('.', '-')}.ec2.internal`,
      accountId: ACCOUNT,
      tags: { ...(launch.role === undefined ? {} : { Name: launch.role }), ...launch.tags },
      metadataTags: true,
      userData: launch.userData,
      httpTokens: launch.httpTokens ?? 'required',
      ...(credentials === false ? {} : { roleName: ROLE_NAME }),
      credentials: () => ({ ...roleKey, expiresAt: new Date(Date.now() + 6 * HOUR) }),
    };
    const extra = new Map<string, string>();
    this.#announced.set(description.instanceId, extra);
    return await room.launch(() => ({ ...description, extra: Object.fromEntries(extra) }), launch);
  }

  /**
   * From now on the metadata service of this instance says `text` at `path` below meta-data/ (`spot/instance-action`,
   * `autoscaling/target-lifecycle-state` ...); undefined: there is nothing any more.
   */
  announce(machine: Pick<Machine, 'instanceId'>, path: string, text: string | undefined): void {
    const extra = this.#announced.get(machine.instanceId);
    if (text === undefined) extra?.delete(path);
    else extra?.set(path, text);
  }

  /** Ends every instance and leaves nothing behind. */
  async close(): Promise<void> {
    const room = await this.#room?.catch(() => undefined);
    await room?.close();
    for (const close of this.#closers.splice(0).reverse()) await close();
    await this.s3.close();
    await rm(this.#data, { recursive: true, force: true });
  }

  #opened(): Promise<MachineRoom> {
    this.#room ??= this.#openRoom();
    return this.#room;
  }

  async #openRoom(): Promise<MachineRoom> {
    const log = this.#log;
    const room = await MachineRoom.open({ gatewayScript: this.#gatewayScript, log });
    const packages = new PackageProxy({ archives: await archivesOfThisMachine(), log });
    await room.expose(PACKAGE_PORT, packages.server);
    await room.expose(S3_PORT, this.#around(this.s3.handler));
    return room;
  }
}

interface Opened {
  readonly region: string;
  readonly url: string;
  readonly s3: S3Endpoint;
  readonly keys: Keys;
  readonly desk: LocalKey;
  readonly data: string;
  readonly close: () => Promise<void>;
}
