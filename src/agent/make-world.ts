import { join } from 'node:path';
import { FileObserver } from '../apply/digests.ts';
import { FileWriter } from '../apply/files.ts';
import { choosePackageManager } from '../apply/packages/choose.ts';
import { BucketReader } from '../aws/read.ts';
import { SmallObjects } from '../aws/small-objects.ts';
import { ContentCache } from '../bucket/cache.ts';
import { lateStore } from '../bucket/late-store.ts';
import { provesSums } from '../bucket/proves-sums.ts';
import { s3Store } from '../bucket/s3-store.ts';
import { LARGEST_WAKE, WAKE_NAME } from '../fleet/wake.ts';
import type { StateFiles } from '../ledger/state-files.ts';
import { systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { once } from '../lib/once.ts';
import { version } from '../lib/version.ts';
import { chooseMetadata, type Metadata } from '../metadata/choose.ts';
import { chooseContainment } from '../services/contain.ts';
import { lateContainment } from '../services/contain-late.ts';
import type { HookTools } from '../services/hooks.ts';
import { runCommand } from '../services/hooks.ts';
import type { ServiceTools } from '../services/lifecycle.ts';
import { unitManager } from '../services/units.ts';
import type { Spec } from '../spec/spec.ts';
import { addressText, type Settings } from '../userdata/settings.ts';
import { EventLog } from './events.ts';
import { keepingIdentity, keptIdentity, regionOf } from './identity-file.ts';
import { Jobs } from './jobs.ts';
import type { Memory } from './memory.ts';
import { readOverride } from './override-file.ts';
import type { Paths } from './paths.ts';
import { Presence } from './presence.ts';
import { Registrar } from './registrar.ts';
import type { Rhythm } from './rhythm.ts';
import { ServiceHands } from './service-hands.ts';
import { Teller } from './teller.ts';
import { StatusUpload } from './upload.ts';
import type { WaitBook } from './wait-book.ts';
import type { World } from './world.ts';

export interface WorldParts {
  readonly paths: Paths;
  readonly settings: Settings;
  readonly log: Log;
  readonly memory: Memory;
  readonly state: StateFiles;
  readonly waits: WaitBook;
  readonly bootId: string;
  readonly power: World['power'];
  /** Was the round that is reported asked for by somebody? */
  readonly asked: () => boolean;
  /** When to look at the bucket, by the spec that is in force. */
  readonly onRhythm: (rhythm: Rhythm) => void;
  /** What it was told last. */
  readonly rhythm: () => Rhythm;
}

/** The real world of an instance, made once. Drivers are chosen here, in tables and by looking, and nowhere else. */
export async function makeWorld(parts: WorldParts): Promise<{ world: World; jobs: Jobs; tools: HookTools }> {
  const { paths, settings, log, state, memory } = parts;
  const clock = systemClock;
  const random = Math.random;
  const { waits, bootId } = parts;
  const metadata = await makeMetadata(parts);
  const endpoint = () => ({ url: settings.endpoint, region: regionOf(settings, memory.identity) });
  const { bucket, prefix } = settings.bucket;
  const cache = new ContentCache(join(paths.state, 'objects'));
  const tagsAreSums = await provesSums(cache, memory.last?.snapshot);
  const store = lateStore(`s3://${bucket}/${prefix}`, () => {
    const credentials = async (fresh: boolean) => (settings.anonymous ? undefined : await metadata.credentials(fresh));
    const patience = waits.for('bucket', addressText(settings.bucket));
    const reader = new BucketReader({
      endpoint: endpoint(),
      bucket,
      owner: settings.owner,
      credentials,
      clock,
      random,
      patience,
      tagsAreSums,
    });
    return s3Store(reader, bucket, prefix);
  });
  const { services, hooks } = await makeServices(parts, cache);
  const jobs = new Jobs(clock, log, (job) => {
    const { id, run: line, user, timeoutMs } = job;
    return runCommand(hooks, { kind: 'job', id, line, user, timeoutMs });
  });
  const objects = once(() => {
    const { bucket } = settings.state;
    const { owner } = settings;
    // Where reading needs no keys, writing does all the same.
    const keys = (fresh: boolean) => metadata.credentials(fresh);
    return new SmallObjects({ endpoint: endpoint(), bucket, owner, credentials: keys, clock, random });
  });
  const upload = new StatusUpload({ log, clock, settings, objects, credentials: () => metadata.credentials(false) });
  const base = settings.state.prefix === '' ? '' : `${settings.state.prefix}/`;
  const { settleMs, role } = settings;
  const presence = new Presence({ state, bootId, clock, version, settleMs, rhythm: parts.rhythm });
  const teller = new Teller({ state, log, clock, role, presence, upload, identity: () => memory.identity });
  let adopted: Spec | undefined;
  const events = new EventLog(paths.log);
  const packages = await choosePackageManager({
    clock,
    onOutput: (text) => log.debug(text.trimEnd()),
    onWarning: (text) => log.warn(text.trimEnd()),
    patience: waits.for('packages', 'package:*'),
  });
  const world: World = {
    settings,
    paths,
    clock,
    log,
    metadata,
    state,
    services,
    registrar: new Registrar(hooks, () => memory.identity),
    waits,
    presence,
    power: parts.power,
    store,
    eyes: {
      root: paths.root,
      cache,
      files: new FileObserver(paths.root, () => clock.elapsed()),
      packages,
      bootId,
      now: () => clock.now(),
      healthy: (service) => services.healthy(service),
      installedImage: (service) => services.installedImage(service),
    },
    files: new FileWriter(paths.root, cache),
    adopt(spec) {
      adopted = spec;
      jobs.replace(presence.isLeaving ? [] : spec.jobs);
      parts.onRhythm(spec);
    },
    adopted: () => adopted,
    override: () => readOverride(paths, log),
    wake: (etag) => objects().look(base + WAKE_NAME, etag, LARGEST_WAKE),
    onStep: (entry) => events.step(entry),
    async report(status, live) {
      const told = await teller.keep(status);
      await events.round(status, parts.asked());
      await teller.send(told, live);
    },
    retell: (change) => teller.retell(change),
  };
  return { world, jobs, tools: hooks };
}

/** Who this machine is: nobody is asked before the first round wants to know, so that waiting for it is a step of that round. */
async function makeMetadata(parts: WorldParts): Promise<Metadata> {
  const { paths, settings, log, state, memory, waits, bootId } = parts;
  const kept = await keptIdentity(state, bootId);
  memory.identity = kept?.identity;
  const source = chooseMetadata({
    clock: systemClock,
    random: Math.random,
    file: paths.metadata,
    patience: waits.for('metadata', 'metadata service'),
    say: (words) => log.info(`metadata: ${words}`),
    ...(kept ? { provider: kept.provider } : {}),
  });
  return keepingIdentity(source, state, bootId, settings);
}

/** What hooks and units are run with: the best containment this machine has, found out once. */
async function makeServices(
  { paths, settings, memory, power }: WorldParts,
  cache: ContentCache,
): Promise<{ services: ServiceHands; hooks: HookTools }> {
  const containment = await chooseContainment();
  const late = lateContainment(containment);
  const logs = join(paths.log, 'services');
  const hooks: HookTools = {
    get containment() {
      return power.goesDown ? late : containment;
    },
    get instanceId() {
      return memory.identity?.instanceId ?? '';
    },
    role: settings.role,
    logs,
  };
  const units = unitManager(containment, logs);
  const tools: ServiceTools = { hooks, units, cfg: { directory: join(paths.run, 'cfg') }, clock: systemClock };
  const place = { services: paths.services };
  return { services: new ServiceHands({ tools, place, cache, role: settings.role }), hooks };
}
