import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Containment } from '../../src/services/contain.ts';
import { cgroupContainment } from '../../src/services/contain-cgroup.ts';
import { scanContainment } from '../../src/services/contain-scan.ts';
import type { Need } from './needs.ts';

export const cgroup2Mount = mountPoint();

export const cgroup2: Need = {
  name: 'a cgroup v2 that may be written',
  met: cgroup2Mount !== undefined && writable(cgroup2Mount),
  get: 'run the tests as root on a machine that has cgroup v2 mounted for writing',
};

/** A driver with a name of its own, so that tests that run side by side never meet. */
export async function containmentOf(kind: 'cgroup' | 'scan', name: string): Promise<Containment> {
  if (kind === 'scan') return scanContainment(name);
  return (await cgroupContainment(name, cgroup2Mount!))!;
}

export function removeCgroup(name: string): void {
  if (cgroup2Mount !== undefined) rmdirSync(join(cgroup2Mount, name));
}

function mountPoint(): string | undefined {
  const line = readMounts().find((text) => text.includes(' - cgroup2 '));
  return line?.split(' ')[4];
}

function readMounts(): string[] {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  } catch {
    return [];
  }
}

function writable(mount: string): boolean {
  const probe = join(mount, `haulout-probe-${process.pid}`);
  try {
    mkdirSync(probe);
    rmdirSync(probe);
    return true;
  } catch {
    return false;
  }
}
