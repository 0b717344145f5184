import { join } from 'node:path';
import { StateFiles } from '../ledger/state-files.ts';
import { systemClock } from '../lib/clock.ts';
import { sha256 } from '../lib/digest.ts';
import { ensureDirectory } from '../lib/durable.ts';
import { EXIT } from '../lib/exit.ts';
import { type Log, lineLog } from '../lib/log.ts';
import { splayOffset } from '../lib/splay.ts';
import type { HookTools } from '../services/hooks.ts';
import type { Spec } from '../spec/spec.ts';
import type { Status } from '../status/status.ts';
import { readBootId } from './boot-id.ts';
import { converge } from './converge.ts';
import { FarewellFile } from './farewell-file.ts';
import { FarewellRequests } from './farewell-requests.ts';
import type { Jobs } from './jobs.ts';
import { departuresOf } from './leave.ts';
import { tryLock } from './lock.ts';
import { makeWorld } from './make-world.ts';
import { type Memory, recall } from './memory.ts';
import { type Paths, residentLock } from './paths.ts';
import { Requests } from './requests.ts';
import { Resident } from './resident.ts';
import { FIRST_RHYTHM, type Rhythm } from './rhythm.ts';
import { readSettings } from './settings-file.ts';
import { reportNoStart, sweepAtStart } from './start.ts';
import { readStatus } from './status-file.ts';
import { summary } from './tell.ts';
import { WaitBook } from './wait-book.ts';
import { WakeWatch } from './wake-watch.ts';
import type { World } from './world.ts';

/** `haulout run`: the resident agent, until it is told to end. Services are none of its children's business (law 8). */
export async function runAgent(paths: Paths): Promise<number> {
  const log = lineLog((line) => process.stdout.write(line), { journal: process.env['JOURNAL_STREAM'] !== undefined });
  await ensureDirectory(paths.run, 0o755);
  if (!tryLock(residentLock(paths))) {
    log.warn('another agent is at work on this machine');
    return EXIT.tryAgain;
  }
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => end(stop));
  if (!(await lockInTurn(join(paths.run, 'lock'), stop.signal))) return EXIT.done;

  let asked = false;
  const requests = new Requests(paths.run);
  await ensureDirectory(paths.state);
  const { rhythm, ...opened } = await open(paths, log, () => asked);
  const { world, memory, jobs } = opened;
  const resident = new Resident(world, memory, requests, rhythm);
  const departures = departuresOf({ ...opened, idle: () => resident.idle(), resume: () => resident.resume() });
  if (memory.identity) await world.presence.know(memory.identity);
  await departures.resume();
  const farewells = new FarewellRequests(requests, departures, paths.state);
  await requests.open(() => {
    asked = true;
    resident.wake();
    farewells.hear();
  });
  farewells.hear(); // of an agent that was killed
  void departures.live(stop.signal);
  const watch = new WakeWatch({
    ...{ clock: world.clock, log, role: world.settings.role, look: world.wake },
    everyMs: () => (memory.identity ? rhythm().wakeMs : 0),
    firstMs: (every) => splayOffset(sha256(memory.identity?.instanceId ?? ''), every),
    onWake: () => {
      log.info('the desk has called');
      resident.call();
    },
  });
  await resident.live(stop.signal, (status) => {
    watch.begin(stop.signal); // after the first round it is known where the bucket is
    asked = false;
    tell(log, status);
  });
  requests.close();
  jobs.stop();
  return EXIT.done;
}

/**
 * The round under way may finish, but a machine that shuts down does not wait for a hook or for health to hold. What is half
 * done then is taken up at the next start, as after a kill (laws 2, 6, 8).
 */
function end(stop: AbortController): void {
  stop.abort();
  setTimeout(() => process.exit(EXIT.done), LAST_ROUND_MS).unref();
}

const LAST_ROUND_MS = 5_000;

/** A `haulout sync` that came first ends with its one round: it is waited for, or nobody would stay. */
async function lockInTurn(path: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (tryLock(path)) return true;
    await systemClock.sleep(500, signal).catch(() => undefined);
  }
  return false;
}

/** `haulout sync` where no agent is resident: one round in this process, under the same lock. */
export async function oneRound(paths: Paths): Promise<Status | undefined> {
  await ensureDirectory(paths.run, 0o755);
  const lock = tryLock(join(paths.run, 'lock'));
  if (!lock) return undefined;
  const log = lineLog((line) => process.stderr.write(line));
  const { world, memory, jobs, bootId } = await open(paths, log, () => true);
  if (await new FarewellFile(world.state, bootId).read()) {
    lock.release();
    return await readStatus(paths.state); // it is leaving: nothing is started any more
  }
  // They are the resident agent's to run: this process is about to end.
  const withoutJobs = { ...world, adopt: (spec: Spec) => world.adopt({ ...spec, jobs: [] }) };
  const status = await converge(withoutJobs, memory);
  jobs.stop();
  lock.release();
  return status;
}

/** `haulout shutdown` where no agent is resident. */
export async function oneGoodbye(paths: Paths, withinMs: number): Promise<Status | undefined> {
  await ensureDirectory(paths.run, 0o755);
  const lock = tryLock(join(paths.run, 'lock'));
  if (!lock) return undefined;
  const log = lineLog((line) => process.stderr.write(line));
  const opened = await open(paths, log, () => true);
  const { world, memory } = opened;
  if (memory.identity) await world.presence.know(memory.identity);
  const departures = departuresOf({ ...opened, idle: async () => undefined, resume: () => undefined });
  await departures.resume();
  await departures.shutDown(withinMs);
  lock.release();
  return await readStatus(paths.state);
}

interface Opened {
  readonly world: World;
  readonly memory: Memory;
  readonly jobs: Jobs;
  readonly tools: HookTools;
  readonly bootId: string;
  /** By the spec that is in force. */
  readonly rhythm: () => Rhythm;
}

async function open(paths: Paths, log: Log, asked: () => boolean): Promise<Opened> {
  const state = new StateFiles(paths.state);
  const bootId = await readBootId();
  const waits = await WaitBook.open(state, bootId, systemClock, log);
  try {
    const memory = await recall(state);
    const settings = await readSettings(paths);
    let rhythm: Rhythm = FIRST_RHYTHM;
    const onRhythm = (wanted: Rhythm) => {
      rhythm = wanted;
    };
    const parts = {
      paths,
      settings,
      log,
      state,
      memory,
      waits,
      bootId,
      asked,
      onRhythm,
      rhythm: () => rhythm,
      power: { goesDown: false },
    };
    const { world, jobs, tools } = await makeWorld(parts);
    await sweepAtStart(world, tools);
    return { world, memory, jobs, tools, bootId, rhythm: parts.rhythm };
  } catch (error) {
    await reportNoStart(state, waits, log, error);
    throw error;
  }
}

let lastWords = '';

/** A line for a round that did something or changed its mind; silence for the thousandth no-op. */
function tell(log: Log, status: Status): void {
  const words = summary(status);
  if (status.lastSync.steps === 0 && words === lastWords) return;
  lastWords = words;
  if (status.health === 'healthy') log.info(words);
  else log.warn(words);
}
