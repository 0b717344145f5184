import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Ec2 } from '../../src/aws/ec2.ts';
import type { ElasticAddress, Instance } from '../../src/aws/ec2-answers.ts';
import { LocalCloud } from '../../src/cloud/local.ts';
import { dist } from './role.ts';
import { TINY, writeRole } from './role-files.ts';
import { CLI } from './try.ts';

const BUCKET = 'fleet';
const PREFIX = 'tiny';
const PORT = 8080;
const PROBE_MS = 50;
const RUN_MS = 180_000;

/**
 * A moment of a run: before a call is carried out, or after it, with its answer not yet sent. `DescribeInstances 3 after`. The call before
 * which a run is killed is never carried out.
 */
export type Moment = string;

interface Watch {
  onMoment: (name: string, moment: 'before' | 'after') => 'killed' | undefined;
  onAsked: (action: string) => void;
  /** How long EC2 takes before it launches anything. */
  slowMs: number;
}

export interface DeskRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly talk: string;
  /** In the order in which they came. */
  readonly moments: readonly Moment[];
  /** What it asked EC2 for. */
  readonly asked: readonly string[];
}

/**
 * A desk: the real commands against the local cloud, which can kill them at any of their calls. There is a role, its directory
 * to change and to push, and an elastic IP through which somebody asks all the while.
 */
export class DeskGround {
  readonly cloud: LocalCloud;
  /** What the role is, on the desk and in the bucket. */
  readonly role: string;
  readonly bucket = `s3://${BUCKET}/${PREFIX}`;
  readonly #directory: string;
  readonly #ec2: Ec2;
  readonly #watch: Watch;
  address: ElasticAddress = { publicIp: '', allocationId: undefined, instanceId: undefined };

  private constructor(cloud: LocalCloud, directory: string, watch: Watch) {
    this.cloud = cloud;
    this.#directory = directory;
    this.role = join(directory, 'tiny');
    this.#watch = watch;
    Object.assign(process.env, environment(cloud));
    this.#ec2 = new Ec2({ url: cloud.ec2Endpoint, region: cloud.region });
  }

  static async open(files: Readonly<Record<string, string>> = TINY): Promise<DeskGround> {
    const directory = mkdtempSync(join(tmpdir(), 'haulout-swap-'));
    const watch: Watch = { onMoment: () => undefined, onAsked: () => undefined, slowMs: 0 };
    const isJournal = (key: string | undefined) => key?.startsWith('.haulout/operations/') ?? false;
    const cloud = await LocalCloud.open({
      gatewayScript: join(dist, 'gateway.mjs'),
      addressPorts: [PORT],
      ec2Faults: ({ action, moment }) => {
        if (watch.onMoment(action, moment) === 'killed' && moment === 'before') return { cutAfterBytes: 0 };
        return action === 'RunInstances' && moment === 'before' ? { stallMs: watch.slowMs } : undefined;
      },
      onEc2Request: ({ action }) => watch.onAsked(action),
      faults: ({ operation, key }) => {
        const isKilled = isJournal(key) && watch.onMoment(operation, 'before') === 'killed';
        return isKilled ? { status: 503, code: 'SlowDown' } : undefined;
      },
      onRequest: ({ operation, key }) => {
        if (isJournal(key)) watch.onMoment(operation ?? '', 'after');
      },
    });
    const mirror = await cloud.mirror(writeRole(join(directory, 'tiny'), files), BUCKET, PREFIX);
    await mirror.close();
    return new DeskGround(cloud, directory, watch);
  }

  /** Instances of the role, launched by the command; resolves with their ids when they are healthy. */
  async launch(count = 1): Promise<readonly [string, ...string[]]> {
    const { stdout, talk, code } = await this.runLaunch({ words: ['--count', String(count)] });
    const [first, ...others] = stdout.trim().split('\n');
    if (code !== 0 || !first) throw new Error(`launch ended with ${code}: ${talk}`);
    return [first, ...others];
  }

  /** `haulout launch` of the role, killed at a moment when one is given. */
  async runLaunch({ killAt, words = [] }: { killAt?: Moment; words?: readonly string[] } = {}): Promise<DeskRun> {
    const image = ['--image-id', 'ami-0123456789abcdef0', '--iam-instance-profile', 'tiny'];
    const how = ['--user-data', await this.#script(), '--hold', '0s'];
    return await this.run(['launch', this.bucket, ...image, ...how, ...words], killAt);
  }

  /** From now on EC2 takes so long before it launches anything. */
  slowLaunches(milliseconds: number): void {
    this.#watch.slowMs = milliseconds;
  }

  /** What is written down in the state of operations, by their keys. */
  operations(): readonly string[] {
    return this.cloud.s3.list(BUCKET, '.haulout/operations/').map(({ key }) => key);
  }

  /** The user-data of the role, made once. */
  async #script(): Promise<string> {
    const path = join(this.#directory, 'bootstrap.js');
    if (existsSync(path)) return path;
    const settings = ['--settle', '0s', '--instance-endpoint-url', this.cloud.instanceEndpoint];
    const script = await this.run(['userdata', this.bucket, ...settings]);
    writeFileSync(path, script.stdout);
    return path;
  }

  /** A new address, at this instance. */
  async give(instanceId: string): Promise<void> {
    const { AllocateAddressCommand, EC2Client } = await import('@aws-sdk/client-ec2');
    const client = new EC2Client({ endpoint: this.cloud.ec2Endpoint, region: this.cloud.region });
    const { PublicIp = '', AllocationId } = await client.send(new AllocateAddressCommand({ Domain: 'vpc' }));
    client.destroy();
    this.address = { publicIp: PublicIp, allocationId: AllocationId, instanceId };
    await this.#ec2.associate(this.address, instanceId);
  }

  /** `haulout swap OLD`, killed at a moment when one is given. */
  async swap(
    old: string,
    { killAt, words = [] }: { killAt?: Moment; words?: readonly string[] } = {},
  ): Promise<DeskRun> {
    const probe = `http://{address}:${PORT}/`;
    return await this.run(['swap', old, '--probe', probe, '--hold', '0s', ...words], killAt);
  }

  /** `haulout replace OLD`. */
  async replace(old: string): Promise<DeskRun> {
    return await this.run(['replace', old, '--hold', '0s']);
  }

  /** Who has the address, by the cloud's word. */
  async holder(): Promise<string | undefined> {
    const all = await this.#ec2.addresses();
    return all.find(({ publicIp }) => publicIp === this.address.publicIp)?.instanceId;
  }

  /** What an instance was launched with, as another one like it would be. */
  async like(instanceId: string): Promise<Instance['like'] | undefined> {
    return (await this.#ec2.find(instanceId))?.like;
  }

  /** Those that run. */
  async running(): Promise<readonly string[]> {
    const { DescribeInstancesCommand, EC2Client } = await import('@aws-sdk/client-ec2');
    const client = new EC2Client({ endpoint: this.cloud.ec2Endpoint, region: this.cloud.region });
    const Filters = [
      { Name: 'tag:haulout:role', Values: [PREFIX] },
      { Name: 'instance-state-name', Values: ['pending', 'running'] },
    ];
    const { Reservations = [] } = await client.send(new DescribeInstancesCommand({ Filters }));
    client.destroy();
    return Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId = '' }) => InstanceId));
  }

  /** Pulls the plug of all that run. */
  async endAll(): Promise<void> {
    for (const id of await this.running()) {
      await this.cloud.machine(id)?.terminate();
      await this.#ec2.terminate(id);
    }
  }

  async answers(): Promise<boolean> {
    return await new Promise((resolve) => {
      const options = { host: this.address.publicIp, port: PORT, agent: false, timeout: 1_000 };
      const request = http.get(options, (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode === 200));
        response.once('error', () => resolve(false));
      });
      request.once('timeout', () => request.destroy());
      request.once('error', () => resolve(false));
    });
  }

  /** Asks through the address until `during` is over; resolves with the longest time, in milliseconds, without an answer. */
  async longestSilence<T>(during: Promise<T>): Promise<[T, number]> {
    let over = false;
    const done = during.finally(() => {
      over = true;
    });
    let longest = 0;
    let lastWell = performance.now();
    while (!over) {
      const asked = performance.now();
      if (await this.answers()) {
        // What answered was asked for at `asked`; before that, nothing is known since the last answer.
        longest = Math.max(longest, asked - lastWell - PROBE_MS);
        lastWell = performance.now();
      }
      await pause(PROBE_MS);
    }
    return [await done, Math.round(longest)];
  }

  async close(): Promise<void> {
    this.#ec2.close();
    await this.cloud.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** `haulout WORDS`, with the keys of the desk. */
  async run(words: readonly string[], killAt?: Moment): Promise<DeskRun> {
    const moments: Moment[] = [];
    const asked: string[] = [];
    const counts = new Map<string, number>();
    const child = spawn(process.execPath, [CLI, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: RUN_MS,
      killSignal: 'SIGKILL',
      env: { PATH: process.env['PATH'] ?? '', ...environment(this.cloud) },
    });
    this.#watch.onMoment = (name, moment) => {
      const key = `${name} ${moment}`;
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      moments.push(`${name} ${count} ${moment}`);
      if (moments.at(-1) !== killAt) return undefined;
      child.kill('SIGKILL');
      return 'killed';
    };
    this.#watch.onAsked = (action) => asked.push(action);
    const { code, stdout, stderr } = await ended(child);
    this.#watch.onMoment = () => undefined;
    this.#watch.onAsked = () => undefined;
    return { code, stdout, talk: stderr, moments, asked };
  }
}

/** The keys of the desk, and where its cloud is. */
export function environment(cloud: LocalCloud): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: cloud.accessKeyId,
    AWS_SECRET_ACCESS_KEY: cloud.secretAccessKey,
    AWS_ENDPOINT_URL_S3: cloud.endpoint,
    AWS_ENDPOINT_URL_EC2: cloud.ec2Endpoint,
    AWS_REGION: cloud.region,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

function ended(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
