import type { Action, Call } from './action.ts';
import type { Address } from './addresses.ts';
import { Ec2Error } from './errors.ts';
import { FILTER_PARAMETERS, type Filterable, passes, readFilters } from './filters.ts';
import { wrongState } from './instance.ts';
import { readTagSpecifications, tagSet } from './tags.ts';

export const allocateAddress: Action = {
  takes: [
    'Domain',
    'TagSpecification.N.ResourceType',
    'TagSpecification.N.Tag.N.Key',
    'TagSpecification.N.Tag.N.Value',
  ],
  async handle({ parameters, cloud }) {
    parameters.oneOf('Domain', ['vpc', 'standard']);
    const tags = readTagSpecifications(parameters, 'elastic-ip');
    const { publicIp, allocationId } = await cloud.addresses.allocate();
    cloud.tags.set(allocationId, tags);
    return { publicIp, domain: 'vpc', allocationId, publicIpv4Pool: 'amazon', networkBorderGroup: cloud.region };
  },
};

const FILTERS = [
  'allocation-id',
  'association-id',
  'domain',
  'instance-id',
  'network-border-group',
  'private-ip-address',
  'public-ip',
];

export const describeAddresses: Action = {
  takes: ['PublicIp.N', 'AllocationId.N', ...FILTER_PARAMETERS],
  handle({ parameters, cloud }) {
    const filters = readFilters(parameters, FILTERS);
    const named = new Set([
      ...parameters.list('PublicIp').map((ip) => cloud.addresses.byAddress(ip)),
      ...parameters.list('AllocationId').map((id) => cloud.addresses.byAllocation(id)),
    ]);
    const found = cloud.addresses.all.filter(
      (address) =>
        (named.size === 0 || named.has(address)) &&
        passes(filters, filterable(address, cloud.region), cloud.tags.of(address.allocationId)),
    );
    const item = found.map(({ publicIp, allocationId, association }) => ({
      publicIp,
      allocationId,
      domain: 'vpc',
      instanceId: association?.instance.instanceId ?? '',
      associationId: association?.associationId,
      privateIpAddress: association?.instance.cable.address,
      publicIpv4Pool: 'amazon',
      networkBorderGroup: cloud.region,
      tagSet: tagSet(cloud.tags.of(allocationId)),
    }));
    return { addressesSet: { item } };
  },
};

function filterable({ publicIp, allocationId, association }: Address, region: string): Filterable {
  return {
    'allocation-id': allocationId,
    'association-id': association?.associationId,
    domain: 'vpc',
    'instance-id': association?.instance.instanceId,
    'network-border-group': region,
    'private-ip-address': association?.instance.cable.address,
    'public-ip': publicIp,
  };
}

export const associateAddress: Action = {
  takes: ['InstanceId', 'AllocationId', 'PublicIp', 'AllowReassociation'],
  async handle(call) {
    const { parameters, cloud } = call;
    const address = addressOf(call);
    const instance = cloud.instances.find(parameters.needed('InstanceId'));
    if (instance.state !== 'running') throw wrongState(instance, 'associated with an address');
    const reassociate = parameters.flag('AllowReassociation') ?? true;
    return { return: true, associationId: await cloud.addresses.associate(address, instance, reassociate) };
  },
};

export const disassociateAddress: Action = {
  takes: ['AssociationId', 'PublicIp'],
  async handle({ parameters, cloud }) {
    const id = oneOf(parameters.text('AssociationId'), parameters.text('PublicIp'), 'AssociationId');
    const { addresses } = cloud;
    await addresses.disassociate('first' in id ? addresses.byAssociation(id.first) : addresses.byAddress(id.second));
    return { return: true };
  },
};

export const releaseAddress: Action = {
  takes: ['AllocationId', 'PublicIp', 'NetworkBorderGroup'],
  async handle(call) {
    const address = addressOf(call);
    await call.cloud.addresses.release(address);
    call.cloud.tags.removeAll(address.allocationId);
    return { return: true };
  },
};

/** Both forms go: the allocation's id as in a VPC, and the address itself as in EC2-Classic and on Eucalyptus. */
function addressOf({ parameters, cloud: { addresses } }: Call): Address {
  const id = oneOf(parameters.text('AllocationId'), parameters.text('PublicIp'), 'AllocationId');
  return 'first' in id ? addresses.byAllocation(id.first) : addresses.byAddress(id.second);
}

function oneOf(
  first: string | undefined,
  second: string | undefined,
  name: string,
): { readonly first: string } | { readonly second: string } {
  if (first !== undefined && second !== undefined) {
    throw new Ec2Error('InvalidParameterCombination', `You may specify public IP or ${name}, but not both`);
  }
  if (first !== undefined) return { first };
  if (second !== undefined) return { second };
  throw new Ec2Error('MissingParameter', `Either public IP or ${name} must be specified`);
}
