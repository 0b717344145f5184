import { EC2Client } from '@aws-sdk/client-ec2';
import { amzDate, authorization, type Credentials } from '../../src/aws/sigv4.ts';
import type { Ec2LogEntry } from '../../src/cloud/ec2/exchange.ts';
import type { Hosts } from '../../src/cloud/ec2/hosts.ts';
import { Ec2Endpoint, type Ec2EndpointOptions } from '../../src/cloud/ec2/server.ts';
import type { Able } from '../../src/cloud/machine/able.ts';
import type { LaunchOptions } from '../../src/cloud/machine/launch.ts';
import { nextCable } from '../../src/cloud/machine/network.ts';
import type { InstanceDescription } from '../../src/cloud/metadata/description.ts';
import { listen } from '../../src/cloud/s3/listen.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { quiet } from './machines.ts';
import { KEY, type RawReply, REGION, raw } from './s3.ts';

/** Instances that are not there: for tests of the protocol. What would be a machine is written down. */
export class NoMachines implements Hosts {
  canRun: Able = { ok: true };
  /** How long a launch takes; `fail` makes the next ones fail. */
  launchMs = 0;
  fail: Error | undefined;
  readonly disks = new Set<string>();
  readonly launched: { readonly describe: () => InstanceDescription; readonly options: LaunchOptions }[] = [];
  readonly #plugs = new Map<string, () => void>();

  async able(): Promise<Able> {
    return this.canRun;
  }

  async allocate(inUse: ReadonlySet<string>) {
    const cable = nextCable(undefined, inUse);
    if (!cable) throw new Error('all addresses are in use');
    return cable;
  }

  async makeDisk(instanceId: string): Promise<string | undefined> {
    this.disks.add(instanceId);
    return `/disks/${instanceId}`;
  }

  async dropDisk(instanceId: string): Promise<void> {
    this.disks.delete(instanceId);
  }

  async launch(describe: () => InstanceDescription, options: LaunchOptions) {
    if (this.launchMs > 0) await new Promise((resolve) => setTimeout(resolve, this.launchMs));
    if (this.fail) throw this.fail;
    this.launched.push({ describe, options });
    const { instanceId } = describe();
    const ended = new Promise<void>((resolve) => this.#plugs.set(instanceId, resolve));
    return {
      ended,
      exec: async () => ({ code: 0, signal: null, timedOut: false, output: '', stdout: '', durationMs: 0 }),
      forward: async () => '/nowhere',
      terminate: async () => this.pullPlug(instanceId),
    };
  }

  /** As if the instance went down by itself. */
  pullPlug(instanceId: string): void {
    this.#plugs.get(instanceId)?.();
  }
}

export interface RunningEc2 {
  readonly url: string;
  readonly endpoint: Ec2Endpoint;
  readonly log: Ec2LogEntry[];
  readonly hosts: NoMachines;
  /** The AWS SDK, that asks once. */
  readonly client: EC2Client;
  close(): Promise<void>;
}

export const CREDENTIALS = { accessKeyId: KEY.accessKeyId, secretAccessKey: KEY.secretAccessKey };

/** A real endpoint on a free port of 127.0.0.1, over instances that are not there. */
export async function startEc2(options: Partial<Ec2EndpointOptions> = {}): Promise<RunningEc2> {
  const hosts = new NoMachines();
  const log: Ec2LogEntry[] = [];
  const endpoint = new Ec2Endpoint({
    region: REGION,
    accountId: '123456789012',
    keys: (id) => (id === KEY.accessKeyId ? KEY : undefined),
    hosts,
    log: quiet,
    credentials: () => ({ ...CREDENTIALS, sessionToken: 'token', expiresAt: new Date(Date.now() + 3_600_000) }),
    onRequest: (entry) => log.push(entry),
    addressPorts: [4_780],
    ...options,
  });
  const { url, close } = await listen(endpoint.handler, { host: '127.0.0.1', port: 0 });
  const client = new EC2Client({ endpoint: url, region: REGION, credentials: CREDENTIALS, maxAttempts: 1 });
  return {
    url,
    endpoint,
    log,
    hosts,
    client,
    async close() {
      client.destroy();
      await close();
      await endpoint.close();
      await endpoint.settled();
    },
  };
}

export interface Form {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly key?: Credentials;
  readonly region?: string;
  readonly service?: string;
  readonly at?: number;
}

/** A form signed by hand, as euca2ools signs it unless it is told otherwise, so that it can be wrong. */
export function ask(url: string, form: string, how: Form = {}): Promise<RawReply> {
  const { key = KEY, method = 'POST', path = '/', region = 'undefined-3992', service = 'ec2' } = how;
  const headers: Record<string, string> = {
    host: new URL(url).host,
    'content-type': 'application/x-www-form-urlencoded',
    'x-amz-date': amzDate(how.at ?? Date.now()),
    'x-amz-content-sha256': sha256(form),
    ...how.headers,
  };
  const signable = { method, path, query: [], headers, payloadHash: sha256(form) };
  const authorizationHeader = authorization(signable, { region, service }, key);
  return raw(url, { method, rawPath: path, body: form, headers: { ...headers, authorization: authorizationHeader } });
}
