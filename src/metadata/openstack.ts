import type { ReadMetadata } from '../aws/imds.ts';
import { readTree } from './eucalyptus.ts';
import type { Identity, MetadataProvider } from './provider.ts';
import { HOSTNAME, INSTANCE_ID, optional, parseObject, shaped, shapedTags, WORD } from './shapes.ts';

/**
 * OpenStack: who the instance is stands in its native document, and only there; the tree it has for EC2's programs shows an
 * instance-id of its own making (https://github.com/coreos/afterburn/issues/930). There are no roles, hence no credentials, and no region.
 * https://docs.openstack.org/nova/latest/user/metadata.html
 */
export function openstackProvider(): MetadataProvider {
  return { name: 'openstack', look, credentials: async () => undefined };
}

async function look(read: ReadMetadata): Promise<Identity | undefined> {
  const document = await read('/openstack/latest/meta_data.json', parseDocument);
  if (!document) return undefined;
  const tree = await readTree(read);
  return {
    ...tree,
    ...document,
    availabilityZone: document.availabilityZone || tree.availabilityZone,
    hostname: document.hostname || tree.hostname,
  };
}

/** `meta` is what people wrote on the server: OpenStack's tags are for its administrators, these are what EC2 calls tags. */
function parseDocument(
  text: string,
): Pick<Identity, 'instanceId' | 'accountId' | 'availabilityZone' | 'hostname' | 'tags'> {
  const document = parseObject(text, '/openstack/latest/meta_data.json');
  const { meta } = document;
  return {
    instanceId: shaped('uuid', document['uuid'], INSTANCE_ID),
    accountId: optional(document['project_id'], WORD),
    availabilityZone: optional(document['availability_zone'], WORD),
    hostname: optional(document['hostname'], HOSTNAME),
    tags: shapedTags(Object.entries(typeof meta === 'object' && meta !== null ? meta : {})),
  };
}
