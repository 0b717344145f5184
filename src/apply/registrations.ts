import { sha256 } from '../lib/digest.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Spec } from '../spec/spec.ts';

/** What a registration tells, and when it has to be told again. */
export function registrationDigests(
  { registrations }: Pick<Spec, 'registrations'>,
  { localIpv4, publicIpv4 }: Pick<Identity, 'localIpv4' | 'publicIpv4'>,
  bootId: string,
): Record<string, string> {
  const digest = (definition: object) => sha256(JSON.stringify([definition, localIpv4, publicIpv4, bootId]));
  return Object.fromEntries(registrations.map(({ at: _, ...definition }) => [definition.id, digest(definition)]));
}
