import type { ReadMetadata } from '../aws/imds.ts';
import type { Identity, MetadataProvider } from './provider.ts';
import { HOSTNAME, INSTANCE_ID, optional, parseObject, shaped, shapedTags, WORD } from './shapes.ts';
import { readTree } from './tree.ts';

export const NATIVE_DOCUMENT = '/openstack/latest/meta_data.json';

/**
 * OpenStack: who the instance is stands in its native document, and only there; the tree it has for EC2's programs shows an
 * instance-id of its own making (https://github.com/coreos/afterburn/issues/930). There are no roles, hence no credentials, and no region.
 * https://docs.openstack.org/nova/latest/user/metadata.html
 */
export function openstackProvider(): MetadataProvider {
  return { name: 'openstack', look, credentials: async () => undefined };
}

async function look(read: ReadMetadata): Promise<Identity | undefined> {
  const document = await read(NATIVE_DOCUMENT, parseDocument);
  return document && { ...document, ...(await readTree(read)) };
}

/** `meta` is what people wrote on the server: OpenStack's tags are for its administrators, these are what EC2 calls tags. */
function parseDocument(text: string): Omit<Identity, keyof Awaited<ReturnType<typeof readTree>>> {
  const document = parseObject(text, NATIVE_DOCUMENT);
  const { meta } = document;
  return {
    instanceId: shaped('uuid', document['uuid'], INSTANCE_ID),
    accountId: optional(document['project_id'], WORD),
    region: '',
    availabilityZone: optional(document['availability_zone'], WORD),
    hostname: optional(document['hostname'], HOSTNAME),
    tags: shapedTags(Object.entries(typeof meta === 'object' && meta !== null ? meta : {})),
  };
}
