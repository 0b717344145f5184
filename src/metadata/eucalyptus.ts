import type { ImdsClient, ReadMetadata } from '../aws/imds.ts';
import type { Clock } from '../lib/clock.ts';
import { roleCredentials } from './credentials.ts';
import type { Identity, MetadataProvider } from './provider.ts';
import { address, asText, HOSTNAME, INSTANCE_ID, optional, publicAddress, shaped, WORD } from './shapes.ts';

/**
 * The tree of 2009 and nothing besides, as Eucalyptus had it before its identity document: one request a value, no region, no
 * account. Asked last, because OpenStack has the same tree with an instance-id that is not the instance's
 * (https://github.com/coreos/afterburn/issues/930).
 */
export function eucalyptusProvider(imds: ImdsClient, clock: Clock): MetadataProvider {
  return { name: 'eucalyptus', look, credentials: roleCredentials(imds, clock) };
}

async function look(read: ReadMetadata): Promise<Identity | undefined> {
  const instanceId = await read('meta-data/instance-id', (text) => shaped('instance-id', text.trim(), INSTANCE_ID));
  if (instanceId === undefined) return undefined;
  return { instanceId, ...(await readTree(read)) };
}

/** What the tree of 2009 says on every cloud that has it, but for the instance's id. */
export async function readTree(read: ReadMetadata): Promise<Omit<Identity, 'instanceId'>> {
  const localIpv4 = (await read('meta-data/local-ipv4', (text) => address('local-ipv4', text.trim()))) ?? '';
  const word = async (path: string) => optional(await read(`meta-data/${path}`, asText), WORD);
  return {
    instanceType: await word('instance-type'),
    imageId: await word('ami-id'),
    accountId: '',
    region: '',
    availabilityZone: await word('placement/availability-zone'),
    localIpv4,
    publicIpv4: publicAddress(await read('meta-data/public-ipv4', asText), localIpv4),
    hostname: optional(await read('meta-data/local-hostname', asText), HOSTNAME),
    tags: {},
  };
}
