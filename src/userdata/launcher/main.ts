import { readFileSync } from 'node:fs';
import { sha256 } from '../../lib/digest.ts';
import { embeddedAgent } from '../embed.ts';
import { fetchAgent, openStore } from './bucket.ts';
import { keepAgent, makeCurrent, presentAgent } from './keep.ts';
import { instanceId, instanceRegion, metadataAddress, metadataAt, roleCredentials } from './metadata.ts';
import { type OwnSettings, ownSettings } from './own.ts';
import { reportFailure } from './report.ts';
import { runInstall } from './run.ts';
import { cry, say } from './say.ts';
import { BAD_SETTINGS, NOT_ROOT, Stop } from './stop.ts';
import { messageOf, type World } from './world.ts';

const INSTALL_MS = 120_000;

type Variable = 'PATH' | 'HOME' | 'LANG' | 'HAULOUT_ROOT' | 'HAULOUT_METADATA';
const { PATH, HOME, LANG, HAULOUT_ROOT, HAULOUT_METADATA } = process.env as { [name in Variable]?: string };
/** Tests put a directory here; everything absolute is then below it. */
const root = HAULOUT_ROOT || '';
const world: World = {
  now: Date.now,
  elapsed: () => performance.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  random: Math.random,
  say,
  waited: [],
};

async function launch(): Promise<number> {
  process.umask(0o077);
  // As an ES module there is no __filename.
  const script = readFileSync(typeof __filename === 'string' ? __filename : process.argv[1]!, 'utf8');
  const settings = ownSettings(script);
  if (Array.isArray(settings)) {
    for (const wrong of settings) cry(`settings: ${wrong}`, root);
    return BAD_SETTINGS;
  }
  if (!root && process.getuid?.()) throw new Stop(NOT_ROOT, 'runtime: user', 'this is not root', 'Run it with sudo');
  const directory = `${root}/var/lib/haulout/agent`;
  const agent =
    presentAgent(directory, settings.agent) ??
    keepAgent(directory, embedded(script, settings.agent) ?? (await download(settings)));
  makeCurrent(directory, agent);
  say(`agent ${agent.slice(0, 12)}: install`);
  const waited = world.waited.length ? [JSON.stringify(world.waited)] : [];
  await runInstall(`${directory}/${agent}`, waited, agentEnvironment(settings), INSTALL_MS);
  return 0;
}

/** Law 4 holds for what came with the script too; what is not the agent is fetched. */
function embedded(script: string, agent: string): Buffer | undefined {
  const bytes = embeddedAgent(script);
  return bytes && sha256(bytes) === agent ? bytes : undefined;
}

async function download(settings: OwnSettings): Promise<Buffer> {
  const read = metadataAt(metadataAddress(HAULOUT_METADATA), world);
  const id = await instanceId(read);
  const region = settings.region || (await instanceRegion(read)) || (settings.endpoint && 'us-east-1');
  if (!region) {
    const hint = 'Write HAULOUT_REGION=us-east-1';
    throw new Stop(BAD_SETTINGS, 'settings: HAULOUT_REGION', 'the instance does not know its own', hint);
  }
  say(`${id} in ${region}, role ${settings.role}`);
  let told = settings.anonymous;
  const keys = async () => {
    const found = settings.anonymous ? undefined : await roleCredentials(read);
    if (!found && !told) say('the instance has no role: reading without signing');
    told ||= !found;
    return found;
  };
  const store = openStore(settings, region, keys, world);
  try {
    return await fetchAgent(settings, store, world);
  } catch (error) {
    if (error instanceof Stop) await reportFailure(settings, store, id, error, world);
    throw error;
  }
}

function agentEnvironment(settings: OwnSettings): Record<string, string> {
  return {
    PATH: PATH || '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: HOME || '/root',
    LANG: LANG || 'C.UTF-8',
    ...(root && { HAULOUT_ROOT: root }),
    ...(root && HAULOUT_METADATA && { HAULOUT_METADATA }),
    ...settings.all,
  };
}

launch()
  .catch((error: unknown) => {
    cry(error instanceof Stop ? error.message : `launcher: script: ${messageOf(error)}. Mend that, or report it`, root);
    return error instanceof Stop ? error.exit : 1;
  })
  .then((code) => process.exit(code));
