import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TEMPORARY_PREFIX } from '../lib/durable.ts';
import { sweepCfg } from '../services/cfg-place.ts';
import { endPassingScopes } from '../services/contain.ts';
import type { HookTools } from '../services/hooks.ts';
import { trimServiceLogs } from '../services/service-logs.ts';
import type { World } from './world.ts';

/** What an agent that was killed may have left: half-written state, a hook's secret configuration, a hook that runs on. */
export async function sweepAtStart(world: World, tools: HookTools): Promise<void> {
  const { paths } = world;
  const ids = (await readdir(paths.services).catch(() => [])).filter((name) => !name.startsWith('.'));
  await endPassingScopes(tools.containment, 5_000);
  await sweepCfg(
    { directory: join(paths.run, 'cfg') },
    ids.map((id) => join(paths.services, id)),
  );
  await sweepTemporaries(paths.state);
  for (const directory of (await world.state.readOther('staging.json', isList)) ?? []) {
    await sweepTemporaries(join(paths.root, directory));
  }
  await trimServiceLogs(join(paths.log, 'services'));
}

async function sweepTemporaries(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (name.startsWith(TEMPORARY_PREFIX)) await rm(join(directory, name), { force: true });
  }
}

function isList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string' && entry.startsWith('/'));
}
