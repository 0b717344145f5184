import type { Metadata } from './choose.ts';
import type { Identity } from './provider.ts';
import { asText, publicAddress } from './shapes.ts';

/**
 * The identity with the public address of now: the one thing of it that changes while a machine runs, when an elastic IP comes or goes. Where
 * nobody answers, what was known stands.
 */
export async function withPublicAddress(
  { announces, peek }: Pick<Metadata, 'announces' | 'peek'>,
  identity: Identity,
): Promise<Identity> {
  if (!announces) return identity;
  try {
    const publicIpv4 = publicAddress(await peek('meta-data/public-ipv4', asText), identity.localIpv4);
    return publicIpv4 === identity.publicIpv4 ? identity : { ...identity, publicIpv4 };
  } catch {
    return identity;
  }
}
