import type { Containment } from './contain.ts';
import { scanContainment } from './contain-scan.ts';

/**
 * For a system that goes down: systemd then starts no unit any more, scopes and slices among them ("Transaction is destructive"), so
 * what runs now is known by its cookie. What was started before is ended where it is.
 */
export function lateContainment(before: Containment, name = 'haulout'): Containment {
  if (before.kind !== 'systemd') return before;
  const scan = scanContainment(name);
  return {
    ...scan,
    async end(scope, graceMs) {
      await scan.end(scope, graceMs);
      await before.end(scope, graceMs);
    },
    members: async (scope) => [...new Set([...(await scan.members(scope)), ...(await before.members(scope))])],
    scopes: async () => [...new Set([...(await scan.scopes()), ...(await before.scopes())])],
  };
}
