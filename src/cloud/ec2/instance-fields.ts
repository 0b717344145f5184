import { instanceProfile } from '../metadata/tree.ts';
import type { XmlFields } from '../s3/xml.ts';
import type { CloudState } from './action.ts';
import type { Ec2Instance } from './instance.ts';
import { metadataFields } from './metadata-options.ts';
import { stateFields } from './states.ts';
import { tagSet } from './tags.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html, as far as there is something to say. */
function instanceFields(instance: Ec2Instance, cloud: CloudState): XmlFields {
  const { order, cable, metadata, reason } = instance;
  const address = cloud.addresses.of(instance)?.publicIp;
  const { exists } = instance;
  const profile = profileOf(instance, cloud);
  return {
    instanceId: instance.instanceId,
    imageId: order.imageId,
    instanceState: { ...stateFields(instance.state) },
    privateDnsName: exists ? privateName(instance) : '',
    dnsName: '',
    reason: reason?.message ?? '',
    keyName: order.keyName,
    amiLaunchIndex: instance.launchIndex,
    productCodes: '',
    instanceType: order.instanceType,
    launchTime: instance.launchedAt.toISOString(),
    placement: { availabilityZone: `${cloud.region}a`, groupName: '', tenancy: 'default' },
    monitoring: { state: 'disabled' },
    privateIpAddress: exists ? cable.address : undefined,
    ipAddress: address,
    stateReason: reason && { ...reason },
    architecture: process.arch === 'arm64' ? 'arm64' : 'x86_64',
    rootDeviceType: instance.outlasting ? 'ebs' : 'instance-store',
    rootDeviceName: '/dev/xvda',
    blockDeviceMapping: '',
    virtualizationType: 'hvm',
    clientToken: order.clientToken ?? '',
    tagSet: tagSet(cloud.tags.of(instance.instanceId)),
    hypervisor: 'xen',
    networkInterfaceSet: '',
    ebsOptimized: false,
    iamInstanceProfile: profile && { ...profile },
    metadataOptions: metadataFields(metadata),
  };
}

/** The filters of DescribeInstances that are known here. */
export const INSTANCE_FILTERS = [
  'architecture',
  'availability-zone',
  'client-token',
  'iam-instance-profile.arn',
  'image-id',
  'instance-id',
  'instance-state-code',
  'instance-state-name',
  'instance-type',
  'ip-address',
  'key-name',
  'launch-index',
  'launch-time',
  'metadata-options.http-tokens',
  'owner-id',
  'private-dns-name',
  'private-ip-address',
  'requester-id',
  'reservation-id',
  'root-device-type',
  'state-reason-code',
] as const;

export function instanceFilterable(
  instance: Ec2Instance,
  cloud: CloudState,
): Readonly<Record<(typeof INSTANCE_FILTERS)[number], string | undefined>> {
  const { order, cable, exists, metadata } = instance;
  const { code, name } = stateFields(instance.state);
  const address = cloud.addresses.of(instance);
  return {
    architecture: process.arch === 'arm64' ? 'arm64' : 'x86_64',
    'availability-zone': `${cloud.region}a`,
    'client-token': order.clientToken,
    'iam-instance-profile.arn': profileOf(instance, cloud)?.arn,
    'image-id': order.imageId,
    'instance-id': instance.instanceId,
    'instance-state-code': String(code),
    'instance-state-name': name,
    'instance-type': order.instanceType,
    'ip-address': address?.publicIp,
    'key-name': order.keyName,
    'launch-index': String(instance.launchIndex),
    'launch-time': instance.launchedAt.toISOString(),
    'metadata-options.http-tokens': metadata.httpTokens,
    'owner-id': cloud.accountId,
    'private-dns-name': exists ? privateName(instance) : undefined,
    'private-ip-address': exists ? cable.address : undefined,
    'requester-id': undefined,
    'reservation-id': instance.reservationId,
    'root-device-type': instance.outlasting ? 'ebs' : 'instance-store',
    'state-reason-code': instance.reason?.code,
  };
}

export function reservationFields(instances: readonly Ec2Instance[], cloud: CloudState): XmlFields {
  return {
    reservationId: instances[0]?.reservationId,
    ownerId: cloud.accountId,
    groupSet: '',
    instancesSet: { item: instances.map((instance) => instanceFields(instance, cloud)) },
  };
}

/** Only the one that the launch named: the role that every instance has is of this cloud, not of the request. */
function profileOf({ order }: Ec2Instance, cloud: CloudState) {
  return order.roleName === undefined ? undefined : instanceProfile(cloud.accountId, order.roleName);
}

export function privateName({ cable }: Pick<Ec2Instance, 'cable'>): string {
  return `ip-${cable.address.replaceAll('.', '-')}.ec2.internal`;
}
