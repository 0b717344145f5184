import type { Action, Call } from './action.ts';
import { FILTER_PARAMETERS, passes, readFilters } from './filters.ts';
import type { Ec2Instance } from './instance.ts';
import { INSTANCE_FILTERS, instanceFilterable, reservationFields } from './instance-fields.ts';
import { PAGE_PARAMETERS, pageOf } from './paging.ts';
import { stateFields } from './states.ts';

const PARAMETERS = ['InstanceId.N', ...FILTER_PARAMETERS, ...PAGE_PARAMETERS];
const byId = { id: ({ instanceId }: Ec2Instance) => instanceId, listed: 'InstanceId' };

export const describeInstances: Action = {
  takes: PARAMETERS,
  handle(call) {
    const { items, nextToken } = pageOf(call.parameters, chosen(call, INSTANCE_FILTERS), byId);
    const reservations = new Set(items.map(({ reservationId }) => reservationId));
    const item = [...reservations].map((id) => {
      const instances = items.filter(({ reservationId }) => reservationId === id);
      return reservationFields(instances, call.cloud);
    });
    return { reservationSet: { item }, nextToken };
  },
};

const STATUS_FILTERS = ['availability-zone', 'instance-state-code', 'instance-state-name'] as const;
const STATUS_OF_ITS_OWN = [
  'instance-status.status',
  'instance-status.reachability',
  'system-status.status',
  'system-status.reachability',
];

export const describeInstanceStatus: Action = {
  takes: [...PARAMETERS, 'IncludeAllInstances'],
  handle(call) {
    const all = call.parameters.flag('IncludeAllInstances') ?? false;
    const found = chosen(call, [...STATUS_FILTERS, ...STATUS_OF_ITS_OWN]);
    const shown = found.filter(({ state }) => all || state === 'running');
    const { items, nextToken } = pageOf(call.parameters, shown, byId);
    const item = items.map((instance) => ({
      instanceId: instance.instanceId,
      availabilityZone: `${call.cloud.region}a`,
      instanceState: { ...stateFields(instance.state) },
      systemStatus: health(instance),
      instanceStatus: health(instance),
    }));
    return { instanceStatusSet: { item }, nextToken };
  },
};

/** Those that were asked for by id and by filter. An id that is unknown is an error, one that is filtered out is not. */
function chosen({ parameters, cloud }: Call, known: readonly string[]): readonly Ec2Instance[] {
  const ids = parameters.list('InstanceId');
  const filters = readFilters(parameters, known);
  const named = new Set(ids.map((id) => cloud.instances.find(id)));
  return cloud.instances.all.filter((instance) => {
    if (ids.length > 0 && !named.has(instance)) return false;
    const fields = { ...instanceFilterable(instance, cloud), ...statusFilterable(instance) };
    return passes(filters, fields, cloud.tags.of(instance.instanceId));
  });
}

function statusFilterable(instance: Ec2Instance): Record<string, string> {
  const { status, details } = health(instance);
  const fields: Record<string, string> = { 'instance-status.status': status, 'system-status.status': status };
  if (!details) return fields;
  const { status: reachability } = details.item;
  return { ...fields, 'instance-status.reachability': reachability, 'system-status.reachability': reachability };
}

/** A throw-away instance that runs is a process that this one sees running: there is nothing to initialize, nor to be impaired. */
function health({ state }: Ec2Instance) {
  if (state !== 'running') return { status: 'not-applicable' };
  return { status: 'ok', details: { item: { name: 'reachability', status: 'passed' } } };
}
