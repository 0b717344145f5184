import type { ImdsClient, ReadMetadata } from '../aws/imds.ts';
import type { Clock } from '../lib/clock.ts';
import { roleCredentials } from './credentials.ts';
import { IDENTITY_DOCUMENT } from './ec2.ts';
import { NATIVE_DOCUMENT } from './openstack.ts';
import type { Identity, MetadataProvider } from './provider.ts';
import { asText, HOSTNAME, INSTANCE_ID, optional, shaped, WORD } from './shapes.ts';
import { readTree } from './tree.ts';

/**
 * The tree of 2009 and nothing besides, as Eucalyptus had it before its identity document (3.x): one request a value, no
 * region, no account. Asked last, because OpenStack has the same tree with an instance-id that is not the instance's
 * (https://github.com/coreos/afterburn/issues/930).
 */
export function eucalyptusProvider(imds: ImdsClient, clock: Clock): MetadataProvider {
  return { name: 'eucalyptus', look, credentials: roleCredentials(imds, clock) };
}

async function look(read: ReadMetadata): Promise<Identity | undefined> {
  const instanceId = await read('meta-data/instance-id', (text) => shaped('instance-id', text.trim(), INSTANCE_ID));
  if (instanceId === undefined) return undefined;
  // A service that came up between the questions has the documents by now, and this is another cloud.
  for (const path of [IDENTITY_DOCUMENT, NATIVE_DOCUMENT]) {
    if ((await read(path, asText)) !== undefined) return undefined;
  }
  return {
    instanceId,
    accountId: '',
    region: '',
    availabilityZone: optional(await read('meta-data/placement/availability-zone', asText), WORD),
    hostname: optional(await read('meta-data/local-hostname', asText), HOSTNAME),
    tags: {},
    ...(await readTree(read)),
  };
}
