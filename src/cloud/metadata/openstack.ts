import { createHash } from 'node:crypto';
import type { InstanceDescription } from './description.ts';
import { commonTree, type Directory, LISTED } from './tree.ts';

const NATIVE_VERSIONS = ['2012-08-10', '2013-04-04', '2013-10-17', '2015-10-15', 'latest'];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The tree for EC2's programs: its instance-id is made from a row of nova's own table, and says nothing about the server. */
export function openstackMetaData(about: InstanceDescription): Directory {
  const instanceId = `i-${uuidOf(about).slice(0, 8)}`;
  return {
    ...commonTree({ ...about, instanceId }),
    'instance-action': 'none',
    'public-hostname': about.hostname,
    'public-ipv4': about.publicIpv4 ?? '',
  };
}

/** Below /openstack. Not there: network_data.json, password, and vendor data. */
export function nativeTree(about: InstanceDescription): Directory {
  const documents: Directory = {
    'meta_data.json': () => metaDataDocument(about),
    // Its bytes need not be text: the handler sends them itself.
    user_data: about.userData === undefined ? undefined : '',
  };
  const versions = NATIVE_VERSIONS.map((version) => [version, documents] as const);
  return { ...Object.fromEntries(versions), [LISTED]: NATIVE_VERSIONS.join('\n') };
}

function metaDataDocument(about: InstanceDescription): string {
  const keys = about.publicKeys ?? [];
  return JSON.stringify({
    uuid: uuidOf(about),
    ...(Object.keys(about.tags).length > 0 ? { meta: about.tags } : {}),
    ...(keys.length > 0 ? { public_keys: Object.fromEntries(keys.map(({ name, material }) => [name, material])) } : {}),
    hostname: about.hostname,
    name: about.tags['Name'] ?? about.hostname,
    launch_index: 0,
    availability_zone: about.availabilityZone,
    project_id: about.accountId,
  });
}

/** The description's id where it is a UUID, else one that is always the same for it. */
function uuidOf({ instanceId }: InstanceDescription): string {
  if (UUID.test(instanceId)) return instanceId;
  const hex = createHash('sha256').update(instanceId).digest('hex');
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');
}
