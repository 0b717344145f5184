import { conditionOf, type Row } from './row.ts';

const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());

/** A row for programs: times as ISO 8601, and how the instance is, seen from outside. */
export function asJson(row: Row, now: number): object {
  const { instanceId, role, health, lease, content, failing, sync } = row;
  const { publicIpv4, localIpv4, instanceType, availabilityZone, agent } = row;
  return {
    instanceId,
    role,
    condition: conditionOf(row, now),
    health,
    content,
    ...(lease ? { lease: { ...lease, expires: iso(lease.expires) } } : {}),
    heard: iso(row.heard),
    bootedAt: iso(row.bootedAt),
    publicIpv4,
    localIpv4,
    instanceType,
    availabilityZone,
    agent,
    lastSync: { ...sync, startedAt: iso(sync.startedAt) },
    ...(failing ? { failing } : {}),
  };
}
