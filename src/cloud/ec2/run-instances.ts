import type { Action, Call } from './action.ts';
import { Ec2Error, invalidValue, unsupported } from './errors.ts';
import type { MetadataSettings, Order } from './instance.ts';
import { reservationFields } from './instance-fields.ts';
import type { Reservation } from './instances.ts';
import type { Parameters } from './parameters.ts';
import { readTagSpecifications } from './tags.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html: of the raw bytes, before they are encoded. */
const MOST_USER_DATA = 16_384;
const MOST_HOPS = 64;
const MOST_AT_ONCE = 1_000;

const METADATA_PARAMETERS = [
  'HttpTokens',
  'HttpEndpoint',
  'HttpPutResponseHopLimit',
  'HttpProtocolIpv6',
  'InstanceMetadataTags',
];

export const runInstances: Action = {
  takes: [
    'ImageId',
    'InstanceType',
    'MinCount',
    'MaxCount',
    'UserData',
    'ClientToken',
    'KeyName',
    'IamInstanceProfile.Name',
    'IamInstanceProfile.Arn',
    'InstanceInitiatedShutdownBehavior',
    'TagSpecification.N.ResourceType',
    'TagSpecification.N.Tag.N.Key',
    'TagSpecification.N.Tag.N.Value',
    'DisableApiTermination',
    'NetworkInterface.N.AssociatePublicIpAddress',
    ...METADATA_PARAMETERS.map((name) => `MetadataOptions.${name}`),
  ],
  ignores: [
    'SecurityGroup.N',
    'SecurityGroupId.N',
    'SubnetId',
    'EbsOptimized',
    'Monitoring.Enabled',
    'CreditSpecification.CpuCredits',
    'Placement.AvailabilityZone',
    'BlockDeviceMapping.',
    'NetworkInterface.N.DeviceIndex',
    'NetworkInterface.N.SubnetId',
    'NetworkInterface.N.SecurityGroupId.N',
    'NetworkInterface.N.DeleteOnTermination',
  ],
  async handle(call) {
    const reservation = await call.cloud.launchTokens.once(call.parameters, () => run(call));
    return reservationFields(reservation.instances, call.cloud);
  },
};

async function run({ parameters, cloud }: Call): Promise<Reservation> {
  const least = parameters.whole('MinCount', 1, MOST_AT_ONCE) ?? Number(parameters.needed('MinCount'));
  const most = parameters.whole('MaxCount', 1, MOST_AT_ONCE) ?? Number(parameters.needed('MaxCount'));
  if (least > most) throw invalidValue(String(least), 'MinCount', 'It must not be greater than MaxCount.');
  refuseMeaning(parameters);
  const tags = readTagSpecifications(parameters, 'instance');
  const order: Order = { ...readOrder(parameters), ...cloud.everyOrder };
  const able = await cloud.able();
  if (!able.ok) throw new Ec2Error('UnsupportedOperation', `${able.reason}. ${able.hint}`);
  const reservation = await cloud.instances.reserve(order, { least, most });
  for (const instance of reservation.instances) {
    cloud.tags.set(instance.instanceId, tags);
    // The answer does not wait; how it went shows in the instance's state.
    instance.boot().catch(() => cloud.log.warn(`${instance.instanceId}: ${instance.reason?.message}`));
  }
  return reservation;
}

/** What is heard only to be refused, because it would change what is launched. */
function refuseMeaning(parameters: Parameters): void {
  if (parameters.flag('DisableApiTermination')) throw unsupported('DisableApiTermination');
  for (const network of parameters.structures('NetworkInterface')) {
    if (network.flag('AssociatePublicIpAddress')) {
      throw unsupported('AssociatePublicIpAddress: public addresses come from AllocateAddress');
    }
  }
}

function readOrder(parameters: Parameters): Omit<Order, 'launchOptions'> {
  const imageId = parameters.needed('ImageId');
  if (!/^[aem]mi-[0-9a-f]{8,17}$/i.test(imageId)) {
    throw new Ec2Error('InvalidAMIID.Malformed', `Invalid id: "${imageId}" (expecting "ami-...")`);
  }
  const clientToken = parameters.text('ClientToken');
  const keyName = parameters.text('KeyName');
  const roleName = roleOf(parameters);
  const shutdown = parameters.oneOf('InstanceInitiatedShutdownBehavior', ['stop', 'terminate']);
  return {
    imageId,
    instanceType: parameters.text('InstanceType') ?? 'm1.small',
    userData: readUserData(parameters.text('UserData')),
    metadata: readMetadataOptions(parameters.structure('MetadataOptions')),
    whenDown: shutdown ?? 'stop',
    outlasting: true,
    ...(keyName === undefined ? {} : { keyName }),
    ...(clientToken === undefined ? {} : { clientToken }),
    ...(roleName === undefined ? {} : { roleName }),
  };
}

function roleOf(parameters: Parameters): string | undefined {
  const profile = parameters.structure('IamInstanceProfile');
  return profile?.text('Name') ?? profile?.text('Arn')?.split('/').at(-1);
}

function readUserData(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || text === '') return undefined;
  const compact = text.replace(/\s+/g, '');
  const bytes = Buffer.from(compact, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== compact.replace(/=+$/, '')) {
    throw new Ec2Error('InvalidUserData.Malformed', 'Invalid BASE64 encoding of user data.');
  }
  if (bytes.length > MOST_USER_DATA) {
    const message = `User data is limited to ${MOST_USER_DATA} bytes; this has ${bytes.length}`;
    throw new Ec2Error('InvalidParameterValue', message);
  }
  return bytes;
}

/** Where nothing is said, tokens are required, as with images of today. */
function readMetadataOptions(
  options: Parameters | undefined,
  before: MetadataSettings = { httpTokens: 'required', hopLimit: 1, tags: false },
): MetadataSettings {
  if (options?.oneOf('HttpEndpoint', ['enabled', 'disabled']) === 'disabled')
    throw unsupported('HttpEndpoint=disabled');
  if (options?.oneOf('HttpProtocolIpv6', ['enabled', 'disabled']) === 'enabled') {
    throw unsupported('HttpProtocolIpv6=enabled');
  }
  const tags = options?.oneOf('InstanceMetadataTags', ['enabled', 'disabled']);
  return {
    httpTokens: options?.oneOf('HttpTokens', ['required', 'optional']) ?? before.httpTokens,
    hopLimit: options?.whole('HttpPutResponseHopLimit', 1, MOST_HOPS) ?? before.hopLimit,
    tags: tags === undefined ? before.tags : tags === 'enabled',
  };
}
