import { RoleUnderTest } from '../test/support/role.ts';
import type { RestResult } from './results.ts';

const SYNCS = 100;
const ROLE = {
  'haulout.ini': '[haulout]\nversion = 1\n[service.a]\nimage = services/a\nwatch = /etc/a.conf\nhealth = 0s\n',
  'root/etc/a.conf': 'zero\n',
  'services/a/bin/start': '#!/bin/sh\nexit 0\n',
};

/** A resident agent of a small role that has nothing to do: what it holds, and what each look costs. */
export async function benchRest(say: (line: string) => void): Promise<RestResult> {
  const role = await RoleUnderTest.boot(ROLE);
  try {
    const [agent] = await role.agents();
    const memory = async () => Number(/VmRSS:\s+(\d+)/.exec(await role.read(`/proc/${agent}/status`))?.[1]) / 1_024;
    const used = async () => {
      const words = (await role.read(`/proc/${agent}/stat`)).replace(/.*\) /, '').split(' ');
      return (Number(words[11]) + Number(words[12])) / 100;
    };
    const [before, memoryBefore] = [await used(), await memory()];
    for (let done = 0; done < SYNCS; done++) {
      const { health, lastSync } = await role.sync();
      if (health !== 'healthy' || lastSync.steps > 0) throw new Error(`sync ${done} was no no-op`);
    }
    const result = {
      at: new Date().toISOString(),
      syncs: SYNCS,
      cpuPerSync: ((await used()) - before) / SYNCS,
      memory: [memoryBefore, await memory()] as const,
    };
    say(
      `rest     ${result.memory.map((each) => each.toFixed(0)).join(' to ')} MiB, ${(1e3 * result.cpuPerSync).toFixed(1)} ms a sync`,
    );
    return result;
  } finally {
    await role.close();
  }
}
