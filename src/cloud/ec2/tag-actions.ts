import { type Action, type CloudState, DONE } from './action.ts';
import { Ec2Error } from './errors.ts';
import type { Parameters } from './parameters.ts';
import { readTags } from './tags.ts';

export const createTags: Action = {
  takes: ['ResourceId.N', 'Tag.N.Key', 'Tag.N.Value'],
  handle({ parameters, cloud }) {
    const ids = resources(parameters, cloud);
    const tags = readTags(parameters);
    if (tags.size === 0) throw new Ec2Error('MissingParameter', 'The request must contain the parameter Tag');
    for (const id of ids) cloud.tags.set(id, tags);
    return DONE;
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
    else throw new Ec2Error('InvalidID', `The ID '${id}' is not valid`);
  }
  return ids;
}

function kindOf(id: string): string | undefined {
  if (id.startsWith('eipalloc-')) return 'elastic-ip';
  return /^i-|^[0-9a-f]{8}-/.test(id) ? 'instance' : undefined;
}
