import type { XmlFields } from '../s3/xml.ts';
import type { Action } from './action.ts';
import { unsupported } from './errors.ts';
import type { Ec2Instance } from './instance.ts';
import { METADATA_PARAMETERS, metadataFields, readMetadataOptions } from './metadata-options.ts';

export const getConsoleOutput: Action = {
  takes: ['InstanceId', 'Latest'],
  handle({ parameters, cloud }) {
    const { instanceId, console } = cloud.instances.find(parameters.needed('InstanceId'));
    const timestamp = console.changedAt?.toISOString();
    return timestamp === undefined
      ? { instanceId }
      : { instanceId, timestamp, output: console.bytes.toString('base64') };
  },
};

/** By the attribute's name. What was not given is an empty element, as on EC2. */
const ATTRIBUTES: Readonly<Record<string, (instance: Ec2Instance) => XmlFields>> = {
  disableApiTermination: () => ({ value: false }),
  instanceInitiatedShutdownBehavior: ({ order }) => ({ value: order.whenDown }),
  instanceType: ({ order }) => ({ value: order.instanceType }),
  rootDeviceName: () => ({ value: '/dev/xvda' }),
  userData: ({ order: { userData } }) =>
    userData === undefined ? {} : { value: Buffer.from(userData).toString('base64') },
};

export const describeInstanceAttribute: Action = {
  takes: ['InstanceId', 'Attribute'],
  handle({ parameters, cloud }) {
    const instance = cloud.instances.find(parameters.needed('InstanceId'));
    const name = parameters.needed('Attribute');
    const attribute = Object.hasOwn(ATTRIBUTES, name) ? ATTRIBUTES[name] : undefined;
    if (!attribute) throw unsupported(`the attribute ${name}`);
    return { instanceId: instance.instanceId, [name]: attribute(instance) };
  },
};

export const modifyInstanceMetadataOptions: Action = {
  takes: ['InstanceId', ...METADATA_PARAMETERS],
  handle({ parameters, cloud }) {
    const instance = cloud.instances.find(parameters.needed('InstanceId'));
    instance.metadata = readMetadataOptions(parameters, instance.metadata);
    const { instanceId, metadata } = instance;
    return { instanceId, instanceMetadataOptions: metadataFields(metadata) };
  },
};
