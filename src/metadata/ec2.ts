import type { ImdsClient, ReadMetadata } from '../aws/imds.ts';
import type { Clock } from '../lib/clock.ts';
import { roleCredentials } from './credentials.ts';
import type { Identity, MetadataProvider } from './provider.ts';
import {
  address,
  asText,
  HOSTNAME,
  INSTANCE_ID,
  optional,
  parseObject,
  publicAddress,
  shaped,
  shapedTags,
  WORD,
} from './shapes.ts';

export const IDENTITY_DOCUMENT = 'dynamic/instance-identity/document';

/**
 * EC2, and Eucalyptus of its later years: what has an instance identity document, which says nearly everything in one request.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
 */
export function ec2Provider(imds: ImdsClient, clock: Clock): MetadataProvider {
  return { name: 'ec2', announces: true, look, credentials: roleCredentials(imds, clock) };
}

async function look(read: ReadMetadata): Promise<Identity | undefined> {
  const document = await read(IDENTITY_DOCUMENT, parseDocument);
  if (!document) return undefined;
  return {
    ...document,
    publicIpv4: publicAddress(await read('meta-data/public-ipv4', asText), document.localIpv4),
    hostname: optional(await read('meta-data/local-hostname', asText), HOSTNAME),
    tags: await readTags(read),
  };
}

function parseDocument(text: string): Omit<Identity, 'publicIpv4' | 'hostname' | 'tags'> {
  const document = parseObject(text, `/latest/${IDENTITY_DOCUMENT}`);
  return {
    instanceId: shaped('instance-id', document['instanceId'], INSTANCE_ID),
    instanceType: shaped('instance-type', document['instanceType'], WORD),
    imageId: shaped('ami-id', document['imageId'], WORD),
    accountId: shaped('account-id', document['accountId'], WORD),
    region: shaped('region', document['region'], WORD),
    availabilityZone: shaped('availability-zone', document['availabilityZone'], WORD),
    localIpv4: address('local-ipv4', document['privateIp']),
  };
}

/** Nothing where they are switched off (404), and on clouds that have no such thing. */
async function readTags(read: ReadMetadata): Promise<Record<string, string>> {
  const base = 'meta-data/tags/instance';
  const keys = (await read(base, asText))?.split('\n') ?? [];
  const pairs: [string, unknown][] = [];
  for (const key of Object.keys(shapedTags(keys.map((key) => [key, ''])))) {
    pairs.push([key, await read(`${base}/${encodeURIComponent(key)}`, asText)]);
  }
  return shapedTags(pairs);
}
