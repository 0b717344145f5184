import type { EC2Client, RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { HauloutError } from '../lib/errors.ts';
import { type ElasticAddress, type Instance, type InstanceLike, readAddress, readInstance } from './ec2-answers.ts';
import { refused, Tries } from './ec2-trouble.ts';

/**
 * The EC2 control plane as the desk needs it: the SDK, loaded when it is first asked.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/
 */
export interface Ec2Options {
  /** Another service than Amazon's (Eucalyptus, the local cloud). */
  readonly url: string | undefined;
  readonly region: string;
  readonly profile?: string | undefined;
}

/** What to launch. With a template, what is said here goes over what stands there. */
export interface LaunchWish {
  /** The same token never launches twice: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html */
  readonly token: string;
  readonly count: number;
  readonly like: Partial<InstanceLike>;
  /** A launch template's name or id, with `:VERSION` behind it where one is meant. */
  readonly template?: string | undefined;
  /** As it is; undefined: the template's own. */
  readonly userData: Uint8Array | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** How long RunInstances may take, with all its tries. */
export const RUN_MS = 120_000;

export class Ec2 {
  readonly #options: Ec2Options;
  #client: EC2Client | undefined;

  constructor(options: Ec2Options) {
    this.#options = options;
  }

  /** Rejects with the code `launch-in-doubt` where it is not known whether EC2 launched: ask again, under the same token. */
  async run(wish: LaunchWish): Promise<readonly Instance[]> {
    const tries = new Tries();
    const asked = this.#ask('RunInstances', wish.token, (client, sdk) => {
      const command = new sdk.RunInstancesCommand(runInput(wish));
      command.middlewareStack.add(tries.watched, { step: 'finalizeRequest', priority: 'low' });
      return client.send(command, { abortSignal: AbortSignal.timeout(RUN_MS) });
    });
    const { Instances = [] } = await asked.catch((error: unknown) => {
      throw tries.judged(wish.token, error);
    });
    return Instances.map(readInstance);
  }

  /** What EC2 shows of what a token has launched, also what has ended a short while ago. A launch may be seen late. */
  async launchedUnder(token: string): Promise<readonly Instance[]> {
    const Values = [token.replace(/[*?\\]/g, '\\$&')]; // as it is: these are signs of a pattern there
    const { Reservations = [] } = await this.#ask('DescribeInstances', token, (client, sdk) =>
      client.send(new sdk.DescribeInstancesCommand({ Filters: [{ Name: 'client-token', Values }] })),
    );
    const found = Reservations.flatMap(({ Instances = [] }) => Instances);
    // Nothing is told as launched by a token that does not say so itself, whatever a service makes of the filter.
    return found.filter(({ ClientToken }) => ClientToken === token).map(readInstance);
  }

  /** Undefined where there is no such instance, or not yet: the answer to RunInstances is ahead of the other calls. */
  async find(id: string): Promise<Instance | undefined> {
    const asked = this.#ask('DescribeInstances', id, (client, sdk) =>
      client.send(new sdk.DescribeInstancesCommand({ InstanceIds: [id] })),
    );
    const found = await asked.catch(whereUnknown);
    return found?.Reservations?.flatMap(({ Instances = [] }) => Instances.map(readInstance))[0];
  }

  /** Undefined where it has none, or is not known (any more). */
  async userData(id: string): Promise<Buffer | undefined> {
    const asked = this.#ask('DescribeInstanceAttribute', id, (client, sdk) =>
      client.send(new sdk.DescribeInstanceAttributeCommand({ InstanceId: id, Attribute: 'userData' })),
    );
    const value = (await asked.catch(whereUnknown))?.UserData?.Value;
    return value === undefined ? undefined : Buffer.from(value, 'base64');
  }

  async addresses(): Promise<readonly ElasticAddress[]> {
    const { Addresses = [] } = await this.#ask('DescribeAddresses', 'addresses', (client, sdk) =>
      client.send(new sdk.DescribeAddressesCommand({})),
    );
    return Addresses.map(readAddress);
  }

  /** Takes it from whoever has it: there is no moment at which nobody does, and asked again it changes nothing. */
  async associate(address: ElasticAddress, instanceId: string): Promise<void> {
    const which = address.allocationId ? { AllocationId: address.allocationId } : { PublicIp: address.publicIp };
    await this.#ask('AssociateAddress', address.publicIp, (client, sdk) =>
      client.send(new sdk.AssociateAddressCommand({ ...which, InstanceId: instanceId, AllowReassociation: true })),
    );
  }

  async terminate(id: string): Promise<void> {
    await this.#ask('TerminateInstances', id, (client, sdk) =>
      client.send(new sdk.TerminateInstancesCommand({ InstanceIds: [id] })),
    );
  }

  close(): void {
    this.#client?.destroy();
  }

  async #ask<Answer>(
    action: string,
    subject: string,
    question: (client: EC2Client, sdk: Sdk) => Promise<Answer>,
  ): Promise<Answer> {
    const sdk = await import('@aws-sdk/client-ec2');
    this.#client ??= connect(sdk, this.#options);
    try {
      return await question(this.#client, sdk);
    } catch (error) {
      throw refused(action, subject, error);
    }
  }
}

type Sdk = typeof import('@aws-sdk/client-ec2');

function whereUnknown(error: unknown): undefined {
  if (!(error instanceof HauloutError) || error.code !== 'ec2-InvalidInstanceID.NotFound') throw error;
}

function connect(sdk: Sdk, { url, region, profile }: Ec2Options): EC2Client {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  return new sdk.EC2Client({
    region,
    maxAttempts: 5,
    // Without the last word the SDK only warns when the time is up, and waits on.
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 30_000, throwOnRequestTimeout: true },
    ...(url === undefined ? {} : { endpoint: url }),
    ...(profile === undefined ? {} : { profile }),
  });
}

function runInput({ token, count, like, template, userData, tags }: LaunchWish): RunInstancesCommandInput {
  const { imageId, instanceType, keyName, securityGroupIds, subnetId, profile, metadata } = like;
  const [named, version] = template?.split(':') ?? [];
  const reference = named?.startsWith('lt-') ? { LaunchTemplateId: named } : { LaunchTemplateName: named };
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  return {
    ClientToken: token,
    MinCount: count,
    MaxCount: count,
    ...(named === undefined ? {} : { LaunchTemplate: { ...reference, ...(version ? { Version: version } : {}) } }),
    ...(imageId === undefined ? {} : { ImageId: imageId }),
    ...(instanceType === undefined ? {} : { InstanceType: instanceType as 't3.micro' }),
    ...(keyName === undefined ? {} : { KeyName: keyName }),
    ...(securityGroupIds === undefined ? {} : { SecurityGroupIds: [...securityGroupIds] }),
    ...(subnetId === undefined ? {} : { SubnetId: subnetId }),
    ...(profile === undefined
      ? {}
      : { IamInstanceProfile: profile.startsWith('arn:') ? { Arn: profile } : { Name: profile } }),
    ...(metadata === undefined
      ? {}
      : {
          MetadataOptions: {
            HttpTokens: metadata.tokens,
            HttpPutResponseHopLimit: metadata.hopLimit,
            InstanceMetadataTags: metadata.tags,
          },
        }),
    ...(userData === undefined ? {} : { UserData: Buffer.from(userData).toString('base64') }),
    ...(Tags.length === 0 ? {} : { TagSpecifications: [{ ResourceType: 'instance', Tags }] }),
  };
}
