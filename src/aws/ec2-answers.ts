import type { Address, Instance as SdkInstance } from '@aws-sdk/client-ec2';

/** What another instance would be launched with to be like this one. */
export interface InstanceLike {
  readonly imageId: string;
  readonly instanceType: string;
  readonly keyName: string | undefined;
  readonly securityGroupIds: readonly string[] | undefined;
  readonly subnetId: string | undefined;
  /** Name or ARN of the instance profile. */
  readonly profile: string | undefined;
  readonly metadata: MetadataOptions | undefined;
}

export interface MetadataOptions {
  readonly tokens: 'required' | 'optional';
  readonly hopLimit: number;
  readonly tags: 'enabled' | 'disabled';
}

export interface Instance {
  readonly id: string;
  /** EC2's own word: pending, running, shutting-down, terminated, stopping, stopped. */
  readonly state: string;
  readonly privateIp: string | undefined;
  readonly publicIp: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly like: InstanceLike;
}

export interface ElasticAddress {
  readonly publicIp: string;
  /** Undefined: of a cloud without VPCs, where the address itself is the name. */
  readonly allocationId: string | undefined;
  readonly instanceId: string | undefined;
}

export function readInstance(found: SdkInstance): Instance {
  const tags = (found.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value] as const);
  const groups = (found.SecurityGroups ?? []).flatMap(({ GroupId }) => GroupId ?? []);
  return {
    id: found.InstanceId ?? '',
    state: found.State?.Name ?? 'pending',
    privateIp: found.PrivateIpAddress || undefined,
    publicIp: found.PublicIpAddress || undefined,
    tags: Object.fromEntries(tags),
    like: {
      imageId: found.ImageId ?? '',
      instanceType: found.InstanceType ?? '',
      keyName: found.KeyName || undefined,
      securityGroupIds: groups.length > 0 ? groups : undefined,
      subnetId: found.SubnetId || undefined,
      profile: found.IamInstanceProfile?.Arn || undefined,
      metadata: found.MetadataOptions && {
        tokens: found.MetadataOptions.HttpTokens === 'optional' ? 'optional' : 'required',
        hopLimit: found.MetadataOptions.HttpPutResponseHopLimit ?? 1,
        tags: found.MetadataOptions.InstanceMetadataTags === 'enabled' ? 'enabled' : 'disabled',
      },
    },
  };
}

/** Eucalyptus says `nobody` and `available` where an address has no instance. */
export function readAddress({ PublicIp, AllocationId, InstanceId }: Address): ElasticAddress {
  return {
    publicIp: PublicIp ?? '',
    allocationId: AllocationId || undefined,
    instanceId: /^i-[0-9a-f]+/.exec(InstanceId ?? '')?.[0],
  };
}
