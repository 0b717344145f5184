import type { InstanceDescription } from '../../src/cloud/metadata/description.ts';

/** An instance as tests need it: plausible facts, and those that the test is about. */
export function described(
  cable: { readonly address: string; readonly mac: string } = { address: '10.77.0.10', mac: '02:00:0a:4d:00:0a' },
  facts: Partial<InstanceDescription> = {},
): InstanceDescription {
  return {
    instanceId: `i-0abcdef00000000${cable.address.split('.')[3]}`,
    instanceType: 't3.micro',
    imageId: 'ami-0123456789abcdef0',
    region: 'eu-central-1',
    availabilityZone: 'eu-central-1b',
    localIpv4: cable.address,
    mac: cable.mac,
    hostname: `ip-${cable.address.replaceAll('.', '-')}.eu-central-1.compute.internal`,
    accountId: '123456789012',
    tags: { Name: 'planet', role: 'web' },
    userData: undefined,
    httpTokens: 'required',
    ...facts,
  };
}
