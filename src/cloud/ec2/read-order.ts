import { Ec2Error, unsupported } from './errors.ts';
import { METADATA_DEFAULTS, METADATA_PARAMETERS, readMetadataOptions } from './metadata-options.ts';
import type { Order } from './order.ts';
import type { Parameters } from './parameters.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html: of the raw bytes, before they are encoded. */
const MOST_USER_DATA = 16_384;

/** What RunInstances and a launch template hear of an instance. */
export const LAUNCH_PARAMETERS: readonly string[] = [
  'ImageId',
  'InstanceType',
  'UserData',
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
];

/** What means nothing here: there are no groups, networks, volumes, zones and credits. */
export const LAUNCH_IGNORES: readonly string[] = [
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
];

export function readOrder(
  parameters: Parameters,
  { imageIsNeeded }: { readonly imageIsNeeded: boolean },
): Omit<Order, 'launchOptions'> {
  refuseMeaning(parameters);
  const imageId = imageIsNeeded ? parameters.needed('ImageId') : parameters.text('ImageId');
  if (imageId !== undefined && !/^[ae]mi-[0-9a-f]{8,17}$/i.test(imageId)) {
    throw new Ec2Error('InvalidAMIID.Malformed', `Invalid id: "${imageId}" (expecting "ami-...")`);
  }
  const clientToken = parameters.text('ClientToken');
  const keyName = parameters.text('KeyName');
  const roleName = roleOf(parameters);
  const shutdown = parameters.oneOf('InstanceInitiatedShutdownBehavior', ['stop', 'terminate']);
  return {
    imageId: imageId ?? '',
    instanceType: parameters.text('InstanceType') ?? 'm1.small',
    userData: readUserData(parameters.text('UserData')),
    metadata: readMetadataOptions(parameters.structure('MetadataOptions'), METADATA_DEFAULTS),
    whenDown: shutdown ?? 'stop',
    outlasting: true,
    ...(keyName === undefined ? {} : { keyName }),
    ...(clientToken === undefined ? {} : { clientToken }),
    ...(roleName === undefined ? {} : { roleName }),
  };
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
