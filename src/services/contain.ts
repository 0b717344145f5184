import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isThere, SYSTEMD_RUNS } from '../lib/present.ts';
import { cgroupContainment } from './contain-cgroup.ts';
import { scanContainment } from './contain-scan.ts';
import { systemdContainment } from './contain-systemd.ts';

export type Command = readonly [string, ...string[]];

/**
 * Processes that belong together and can be ended together, however often they forked. A scope is a name; whoever
 * runs in it stays in it. Scopes lie outside of the agent's own unit or cgroup, so ending the agent ends none (law 8).
 */
export interface Containment {
  readonly kind: 'systemd' | 'cgroup' | 'scan';
  /** `argv` so wrapped that it enters the scope before it runs. The environment must hold HAULOUT_SCOPE = `cookie`. */
  command(scope: string, argv: Command): Command;
  cookie(scope: string): string;
  members(scope: string): Promise<number[]>;
  /** TERM to all of it, KILL to what is left after `graceMs`. Rejects when something survives even that. */
  end(scope: string, graceMs: number): Promise<void>;
  /** Scopes in which something runs, or is about to. */
  scopes(): Promise<string[]>;
}

export interface ContainmentOptions {
  /** Tells two agents on one kernel apart (throw-away instances): letters, digits, `_`, `-`. Default `haulout`. */
  readonly name?: string;
  /** Present where systemd is the init. Default SYSTEMD_RUNS. */
  readonly systemd?: string;
  /** Default /proc/self/mountinfo. */
  readonly mountinfo?: string;
}

/** The best that this machine has, found out once. */
export async function chooseContainment(options: ContainmentOptions = {}): Promise<Containment> {
  const name = options.name ?? 'haulout';
  if (!/^[A-Za-z0-9_][A-Za-z0-9_-]*$/.test(name)) throw new TypeError('not a name for containment');
  const mounts = await readFile(options.mountinfo ?? '/proc/self/mountinfo', 'utf8').catch(() => '');
  if (await isThere(options.systemd ?? SYSTEMD_RUNS)) {
    const hierarchy = cgroup2Mount(mounts) ?? namedMount(mounts);
    if (hierarchy !== undefined) return systemdContainment(name, hierarchy);
  }
  const mount = cgroup2Mount(mounts);
  const cgroup = mount === undefined ? undefined : await cgroupContainment(name, mount);
  return cgroup ?? scanContainment(name);
}

/** The scope that a service's `start` leaves its processes in. */
export const serviceScope = (id: string) => `service-${id}`;
/** The scope of a unit's daemon where its init script is called by us. */
export const unitScope = (unit: string) => `unit-${unit}`;
/** A scope that ends with the one hook or job it is made for. */
export const passingScope = (what: string) => `run-${what}-${randomBytes(4).toString('hex')}`;

/** At the agent's start: what hooks and jobs of an agent that was killed have left behind (law 9). */
export async function endPassingScopes(containment: Containment, graceMs: number): Promise<void> {
  const left = (await containment.scopes()).filter((scope) => scope.startsWith('run-'));
  await Promise.all(left.map((scope) => containment.end(scope, graceMs)));
}

function cgroup2Mount(mountinfo: string): string | undefined {
  return mountPoint(mountinfo, /^cgroup2 /);
}

function namedMount(mountinfo: string): string | undefined {
  return mountPoint(mountinfo, /^cgroup .*\bname=systemd\b/);
}

/** proc(5): fields, ` - `, file system type, source, options. */
function mountPoint(mountinfo: string, wanted: RegExp): string | undefined {
  for (const line of mountinfo.split('\n')) {
    const [fields, type] = line.split(' - ');
    if (type !== undefined && wanted.test(type)) return fields?.split(' ')[4];
  }
  return undefined;
}
