import { sha256 } from '../lib/digest.ts';
import { splayOffset } from '../lib/splay.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Spec } from '../spec/spec.ts';

type Registrations = Pick<Spec, 'registrations'>;

/** What a registration tells, and when it has to be told again. */
export function registrationDigests(
  { registrations }: Registrations,
  { localIpv4, publicIpv4 }: Pick<Identity, 'localIpv4' | 'publicIpv4'>,
  bootId: string,
): Record<string, string> {
  const digest = (definition: object) => sha256(JSON.stringify([definition, localIpv4, publicIpv4, bootId]));
  return Object.fromEntries(registrations.map(({ at: _, ...definition }) => [definition.id, digest(definition)]));
}

/** Time as the planner may know it (law 11): by its number. Each instance has its own moment at which a period begins (law 10). */
export function renewalPeriods(
  { registrations }: Registrations,
  instanceId: string,
  now: number,
): Record<string, number> {
  const offset = (windowMs: number) => splayOffset(sha256(instanceId), windowMs);
  return Object.fromEntries(
    registrations.flatMap(({ id, renewMs }) =>
      renewMs === undefined ? [] : [[id, Math.floor((now + offset(renewMs)) / renewMs)]],
    ),
  );
}
