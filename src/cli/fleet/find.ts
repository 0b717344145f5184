import type { ListedObject } from '../../aws/listing-xml.ts';
import { HauloutError } from '../../lib/errors.ts';
import { parseStatusName, type StatusName } from '../../status/read-status.ts';
import { atDesk, type Place, usage } from './place.ts';

const MOST_NAMED = 5;

/** An instance's status in a listing. */
export interface FoundStatus {
  readonly name: StatusName;
  readonly object: ListedObject;
}

/**
 * The status of the one instance whose id begins so: the roles are listed, and in each of them only such names, so it costs two requests
 * or a few in a fleet of any size.
 */
export async function findInstance(place: Place, id: string): Promise<FoundStatus> {
  if (!/^[0-9a-z-]{1,64}$/.test(id))
    throw usage('ID', 'this is no beginning of an instance id', 'write i-0123456789abcdef0');
  const found = await atDesk(place.state.bucket, () => beginningWith(place, id));
  const exact = found.filter(({ name }) => name.instanceId === id);
  const chosen = exact.length > 0 ? exact : found;
  const [first] = chosen;
  if (!first) throw notThere(place, id);
  if (chosen.length === 1) return first;
  const names = chosen.slice(0, MOST_NAMED).map(({ name }) => `${name.role}/${name.instanceId}`);
  throw usage(
    id,
    `${chosen.length} instances are meant by it: ${names.join(', ')}${chosen.length > MOST_NAMED ? ' ...' : ''}`,
    'write more of the id, or --role NAME',
  );
}

async function beginningWith({ reader, role, key }: Place, id: string): Promise<FoundStatus[]> {
  const base = key('instances/');
  const roles = role === undefined ? (await reader.list(base, '/')).prefixes : [`${base}${role}/`];
  const listings = await Promise.all(roles.map((prefix) => reader.list(prefix + id, undefined)));
  return listings
    .flatMap(({ objects }) => objects)
    .flatMap((object) => {
      const name = parseStatusName(object.key.slice(base.length));
      return name ? [{ name, object }] : [];
    });
}

function notThere({ text, role }: Place, id: string): HauloutError {
  return new HauloutError({
    code: 'instance-unknown',
    step: 'bucket',
    subject: role === undefined ? text : `${text}, role ${role}`,
    reason: `no instance whose id begins with ${id} has told of itself here`,
    hint: `haulout fleet ${text} shows who has`,
  });
}
