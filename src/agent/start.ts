import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StateFiles } from '../ledger/state-files.ts';
import { TEMPORARY_PREFIX } from '../lib/durable.ts';
import { asTrouble } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { sweepCfg } from '../services/cfg-place.ts';
import { endPassingScopes } from '../services/contain.ts';
import type { HookTools } from '../services/hooks.ts';
import { trimLogs } from '../services/trim-logs.ts';
import { blankStatus, readStatus, writeStatus } from './status-file.ts';
import type { WaitBook } from './wait-book.ts';
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
  for (const logs of [paths.log, join(paths.log, 'services')]) await trimLogs(logs);
}

/** No round could begin (no metadata, no settings): that is in the status too, over what the last round had said. */
export async function reportNoStart(state: StateFiles, waits: WaitBook, log: Log, error: unknown): Promise<void> {
  const at = new Date().toISOString();
  const { instanceId, role, content, lastSync, services } =
    (await readStatus(state.directory)) ?? blankStatus('', '', at);
  const health = content.active === undefined ? 'failed' : 'degraded';
  const trouble = asTrouble(error, 'agent', 'haulout run');
  const told = { ...blankStatus(role, instanceId, at), health, content, lastSync, services, trouble } as const;
  await writeStatus(state, { ...told, waited: waits.told() }, log);
  await waits.turn(health);
}

async function sweepTemporaries(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (name.startsWith(TEMPORARY_PREFIX)) await rm(join(directory, name), { force: true });
  }
}

function isList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string' && entry.startsWith('/'));
}
