import type { EC2Client, RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { HauloutError } from '../lib/errors.ts';
import { type ElasticAddress, type Instance, type InstanceLike, readAddress, readInstance } from './ec2-answers.ts';

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

export class Ec2 {
  readonly #options: Ec2Options;
  #client: EC2Client | undefined;

  constructor(options: Ec2Options) {
    this.#options = options;
  }

  async run(wish: LaunchWish): Promise<readonly Instance[]> {
    const { Instances = [] } = await this.#ask('RunInstances', wish.token, (client, sdk) =>
      client.send(new sdk.RunInstancesCommand(runInput(wish))),
    );
    return Instances.map(readInstance);
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
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 30_000 },
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

/** EC2's own word for what was wrong is the code: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
function refused(action: string, subject: string, error: unknown): HauloutError {
  const name = error instanceof Error ? error.name : 'unknown';
  const known = error instanceof Error && '$metadata' in error;
  return new HauloutError(
    {
      code: `ec2-${name}`,
      step: 'ec2',
      subject,
      reason: known ? `${action} was refused: ${name}` : `${action} got no answer (${name})`,
      hint: HINTS[name] ?? 'check --ec2-endpoint-url, --region and the credentials; nothing is lost, run it again',
    },
    error,
  );
}

const HINTS: Readonly<Record<string, string>> = {
  UnauthorizedOperation: 'these keys may not do that: docs/swap.md names what the desk must be allowed',
  AuthFailure: 'the keys are not taken here: check AWS_PROFILE and --ec2-endpoint-url',
  CredentialsProviderError: 'give credentials: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  IdempotentParameterMismatch: 'this token launched something else before: leave out --client-token',
  InstanceLimitExceeded: 'terminated instances count for a while: wait, or have the quota raised',
};
