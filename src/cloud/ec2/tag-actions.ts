import { type Action, type CloudState, DONE } from './action.ts';
import { Ec2Error } from './errors.ts';
import { FILTER_PARAMETERS, passes, readFilters } from './filters.ts';
import { PAGE_PARAMETERS, pageOf } from './paging.ts';
import type { Parameters } from './parameters.ts';
import { readTags } from './tags.ts';

const PARAMETERS = ['ResourceId.N', 'Tag.N.Key', 'Tag.N.Value'];

export const createTags: Action = {
  takes: PARAMETERS,
  handle({ parameters, cloud }) {
    const ids = resources(parameters, cloud);
    const tags = readTags(parameters);
    if (tags.size === 0) throw new Ec2Error('MissingParameter', 'The request must contain the parameter Tag');
    for (const id of ids) cloud.tags.set(id, tags);
    return DONE;
  },
};

/** A tag with a value goes only if it has that value; one without goes whatever its value; without any tag, all go. */
export const deleteTags: Action = {
  takes: PARAMETERS,
  handle({ parameters, cloud }) {
    const tags = parameters.structures('Tag').map((tag) => [tag.needed('Key'), tag.text('Value')] as const);
    for (const id of resources(parameters, cloud)) {
      if (tags.length === 0) cloud.tags.removeAll(id);
      for (const [key, value] of tags) cloud.tags.remove(id, key, value);
    }
    return DONE;
  },
};

const FILTERS = ['key', 'resource-id', 'resource-type', 'value'];

export const describeTags: Action = {
  takes: [...FILTER_PARAMETERS, ...PAGE_PARAMETERS],
  handle({ parameters, cloud }) {
    const filters = readFilters(parameters, FILTERS);
    const all = cloud.tags.all.flatMap(([resourceId, tags]) =>
      [...tags].map(([key, value]) => ({ resourceId, resourceType: kindOf(resourceId), key, value })),
    );
    const found = all.filter((tag) => {
      const { resourceId, resourceType, key, value } = tag;
      const fields = { key, value, 'resource-id': resourceId, 'resource-type': resourceType };
      return passes(filters, fields, cloud.tags.of(resourceId));
    });
    const id = ({ resourceId, key }: { resourceId: string; key: string }) => `${resourceId} ${key}`;
    const { items, nextToken } = pageOf(parameters, found, { id, listed: 'ResourceId' });
    return { tagSet: { item: items }, nextToken };
  },
};

/** Throws for the first that does not exist. */
function resources(parameters: Parameters, cloud: CloudState): readonly string[] {
  const ids = parameters.list('ResourceId');
  if (ids.length === 0) throw new Ec2Error('MissingParameter', 'The request must contain the parameter ResourceId');
  for (const id of ids) {
    const kind = kindOf(id);
    if (kind === 'instance') cloud.instances.find(id);
    else if (kind === 'elastic-ip') cloud.addresses.byAllocation(id);
    else if (kind === 'launch-template') cloud.templates.byId(id);
    else throw new Ec2Error('InvalidID', `The ID '${id}' is not valid`);
  }
  return ids;
}

function kindOf(id: string): string | undefined {
  if (id.startsWith('eipalloc-')) return 'elastic-ip';
  if (id.startsWith('lt-')) return 'launch-template';
  return /^i-|^[0-9a-f]{8}-/.test(id) ? 'instance' : undefined;
}
