import type { ReadMetadata } from '../aws/imds.ts';
import type { Identity } from './provider.ts';
import { address, asText, optional, publicAddress, WORD } from './shapes.ts';

/** What the tree of 2009 says truly on every cloud that has it. */
export async function readTree(
  read: ReadMetadata,
): Promise<Pick<Identity, 'instanceType' | 'imageId' | 'localIpv4' | 'publicIpv4'>> {
  const localIpv4 = (await read('meta-data/local-ipv4', (text) => address('local-ipv4', text.trim()))) ?? '';
  return {
    instanceType: optional(await read('meta-data/instance-type', asText), WORD),
    imageId: optional(await read('meta-data/ami-id', asText), WORD),
    localIpv4,
    publicIpv4: publicAddress(await read('meta-data/public-ipv4', asText), localIpv4),
  };
}
