import { readdir, readFile } from 'node:fs/promises';
import type { Containment } from './contain.ts';
import { checkScope } from './contain-cgroup.ts';
import { endHerd } from './processes.ts';

/**
 * No cgroups to be had: a process is known by the cookie in its environment, which its children inherit, by its
 * ancestors and by its session. One that clears its environment AND leaves its session AND loses its parent escapes.
 */
export function scanContainment(name: string): Containment {
  const cookie = (scope: string) => `${name}:${checkScope(scope)}`;
  const members = async (scope: string) => herdOf(await readProcesses(), cookie(scope));
  return {
    kind: 'scan',
    cookie,
    command: (_scope, argv) => argv,
    members,
    end: (scope, graceMs) => endHerd({ name: scope, members: () => members(scope) }, graceMs),
    scopes: async () => {
      const cookies = (await readProcesses()).map((process) => process.cookie ?? '');
      const own = cookies.filter((text) => text.startsWith(`${name}:`)).map((text) => text.slice(name.length + 1));
      return [...new Set(own)];
    },
  };
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  readonly cookie: string | undefined;
}

function herdOf(processes: readonly Process[], cookie: string): number[] {
  const self = processes.find((one) => one.pid === process.pid);
  const herd = new Map(processes.filter((one) => one.cookie === cookie).map((one) => [one.pid, one]));
  for (let size = -1; size !== herd.size; ) {
    size = herd.size;
    const sessions = new Set([...herd.values()].map((one) => one.session));
    for (const one of processes) {
      const related = herd.has(one.parent) || (sessions.has(one.session) && one.session !== self?.session);
      if (related && (one.cookie === undefined || one.cookie === cookie)) herd.set(one.pid, one);
    }
  }
  herd.delete(process.pid);
  return [...herd.keys()];
}

async function readProcesses(): Promise<Process[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(names.map((name) => readProcess(Number(name))));
  return found.filter((one) => one !== undefined);
}

/** undefined: it ended meanwhile, or is a zombie, which nobody can end and its parent will collect. */
async function readProcess(pid: number): Promise<Process | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything, parentheses and blanks included.
    const [state, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    const cookie = environment.split('\0').find((line) => line.startsWith('HAULOUT_SCOPE='));
    return { pid, parent: Number(parent), session: Number(session), cookie: cookie?.slice('HAULOUT_SCOPE='.length) };
  } catch {
    return undefined;
  }
}
