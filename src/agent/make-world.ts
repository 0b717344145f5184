import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileObserver } from '../apply/digests.ts';
import { FileWriter } from '../apply/files.ts';
import { choosePackageManager } from '../apply/packages/choose.ts';
import { BucketReader } from '../aws/read.ts';
import { ContentCache } from '../bucket/cache.ts';
import { s3Store } from '../bucket/s3-store.ts';
import type { StateFiles } from '../ledger/state-files.ts';
import { systemClock } from '../lib/clock.ts';
import { HauloutError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { readRegular } from '../lib/read-regular.ts';
import { ec2Provider } from '../metadata/ec2.ts';
import { type Identity, isIdentity } from '../metadata/provider.ts';
import { chooseContainment } from '../services/contain.ts';
import type { HookTools } from '../services/hooks.ts';
import { runCommand } from '../services/hooks.ts';
import type { ServiceTools } from '../services/lifecycle.ts';
import { unitManager } from '../services/units.ts';
import { parseOverride } from '../spec/parse.ts';
import type { Status } from '../status/status.ts';
import type { Settings } from '../userdata/settings.ts';
import { EventLog } from './events.ts';
import { Jobs } from './jobs.ts';
import type { Memory } from './memory.ts';
import type { Paths } from './paths.ts';
import type { Rhythm } from './resident.ts';
import { ServiceHands } from './service-hands.ts';
import { StatusUpload } from './upload.ts';
import type { World } from './world.ts';

const LARGEST_OVERRIDE = 1024 * 1024;

export interface WorldParts {
  readonly paths: Paths;
  readonly settings: Settings;
  readonly log: Log;
  readonly memory: Memory;
  readonly state: StateFiles;
  /** Was the round that is reported asked for by somebody? */
  readonly asked: () => boolean;
  /** When to look at the bucket, by the spec that is in force. */
  readonly onRhythm: (rhythm: Rhythm) => void;
}

/** The real world of an instance, made once. Drivers are chosen here, in tables and by looking, and nowhere else. */
export async function makeWorld(parts: WorldParts): Promise<{ world: World; jobs: Jobs; tools: HookTools }> {
  const { paths, settings, log, state, memory } = parts;
  const clock = systemClock;
  const random = Math.random;
  const metadata = ec2Provider({ clock, random });
  const bootId = await readBootId();
  const identity = await knownIdentity(state, bootId, () => metadata.identity());
  memory.identity = identity;
  const endpoint = { url: settings.endpoint, region: settings.region ?? identity.region };
  const reader = new BucketReader({
    endpoint,
    bucket: settings.bucket.bucket,
    credentials: async (fresh) => (settings.anonymous ? undefined : await metadata.credentials(fresh)),
    clock,
    random,
  });
  const cache = new ContentCache(join(paths.state, 'objects'));
  const { services, hooks } = await makeServices(parts, cache, identity);
  const jobs = new Jobs(clock, log, (job) => {
    const { id, run: line, user, timeoutMs } = job;
    return runCommand(hooks, { kind: 'job', id, line, user, timeoutMs });
  });
  const upload = new StatusUpload({
    node: process.execPath,
    state: paths.state,
    log,
    target: { endpoint, state: settings.state, role: settings.role },
    credentials: () => metadata.credentials(false),
  });
  const events = new EventLog(paths.log);
  const packages = await choosePackageManager({
    clock,
    onOutput: (text) => log.debug(text.trimEnd()),
    onWarning: (text) => log.warn(text.trimEnd()),
  });
  const world: World = {
    settings,
    paths,
    clock,
    log,
    metadata,
    state,
    services,
    store: s3Store(reader, settings.bucket.bucket, settings.bucket.prefix),
    eyes: {
      root: paths.root,
      cache,
      files: new FileObserver(paths.root, () => clock.elapsed()),
      packages,
      bootId,
      healthy: (service) => services.healthy(service),
      installedImage: (service) => services.installedImage(service),
    },
    files: new FileWriter(paths.root, cache),
    adopt(spec) {
      jobs.replace(spec.jobs);
      parts.onRhythm(spec);
    },
    override: () => readOverride(paths, log),
    onStep: (entry) => events.step(entry),
    async report(status, live) {
      await writeStatus(state, status, log);
      await events.round(status, parts.asked());
      await upload.write(status, live);
    },
  };
  return { world, jobs, tools: hooks };
}

/** What hooks and units are run with: the best containment this machine has, found out once. */
async function makeServices(
  { paths, settings }: WorldParts,
  cache: ContentCache,
  identity: Identity,
): Promise<{ services: ServiceHands; hooks: HookTools }> {
  const containment = await chooseContainment();
  const logs = join(paths.log, 'services');
  const hooks = { containment, instanceId: identity.instanceId, role: settings.role, logs };
  const units = unitManager(containment, logs);
  const tools: ServiceTools = { hooks, units, cfg: { directory: join(paths.run, 'cfg') }, clock: systemClock };
  const place = { services: paths.services };
  return { services: new ServiceHands({ tools, place, cache, root: paths.root, role: settings.role }), hooks };
}

/** A disk that is full keeps no status, and that ends no round. */
async function writeStatus(state: StateFiles, status: Status, log: Log): Promise<void> {
  const text = `${JSON.stringify(status)}\n`;
  await state.writeText('status.json', text, status.lastSync.steps > 0).catch((error) => {
    log.warn(`the status could not be written: ${error.message}`);
  });
}

/** Who we are does not change within one boot: an agent that starts again needs no metadata service for it. */
async function knownIdentity(state: StateFiles, bootId: string, ask: () => Promise<Identity>): Promise<Identity> {
  const kept = await state.readOther('identity.json', isKeptIdentity);
  if (kept?.bootId === bootId) return kept.identity;
  const identity = await ask();
  await state.writeOther('identity.json', { bootId, identity });
  return identity;
}

function isKeptIdentity(value: unknown): value is { bootId: string; identity: Identity } {
  if (typeof value !== 'object' || value === null) return false;
  const { bootId, identity } = value as Record<string, unknown>;
  return typeof bootId === 'string' && isIdentity(identity);
}

/** A broken override is said and left out: it must not keep a machine from its bucket. */
async function readOverride(paths: Paths, log: Log): Promise<Awaited<ReturnType<World['override']>>> {
  const text = await readRegular(paths.override, LARGEST_OVERRIDE).catch(() => undefined);
  if (!text) return {};
  const parsed = parseOverride(text, paths.override);
  if (parsed.ok) return parsed.override;
  for (const { at, what, instead } of parsed.mistakes)
    log.warn(`${at.file}:${at.line}:${at.column}: ${what}; ${instead}`);
  return {};
}

async function readBootId(): Promise<string> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  const id = text.trim();
  if (/^[0-9a-f-]{36}$/.test(id)) return id;
  throw new HauloutError({
    code: 'not-linux',
    step: 'agent',
    subject: '/proc/sys/kernel/random/boot_id',
    reason: 'this is not a Linux machine with /proc',
    hint: 'the agent runs on Linux instances',
  });
}
