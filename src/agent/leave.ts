import { completeLifecycleAction } from '../aws/autoscaling.ts';
import type { Notice } from '../fleet/lease.ts';
import type { SubjectRecord } from '../ledger/ledger.ts';
import { HauloutError } from '../lib/errors.ts';
import { endPassingScopes } from '../services/contain.ts';
import type { HookTools } from '../services/hooks.ts';
import type { ServiceSpec, Spec } from '../spec/spec.ts';
import { redactedTail } from '../status/redact.ts';
import { Departures } from './departures.ts';
import { endpointOf } from './endpoints-file.ts';
import { FarewellFile } from './farewell-file.ts';
import { Goodbye } from './goodbye.ts';
import type { Jobs } from './jobs.ts';
import { keepLedger } from './keep-ledger.ts';
import type { Memory } from './memory.ts';
import { NoticeBoard } from './notice-board.ts';
import { isAnnouncement } from './outcome.ts';
import { type Withdrawal, withdrawals } from './registrar.ts';
import type { Done, ServiceTrouble } from './service-hands.ts';
import { chooseWanted } from './wanted.ts';
import type { World } from './world.ts';

export interface LeaveParts {
  readonly world: World;
  readonly memory: Memory;
  readonly jobs: Jobs;
  readonly tools: HookTools;
  readonly bootId: string;
  /** Resolves when no round is under way. */
  readonly idle: () => Promise<void>;
  /** A round is wanted now. */
  readonly resume: () => void;
}

/** Tags that a group puts on its instances; here when the instance's tags are in its metadata. */
const GROUP_TAG = 'aws:autoscaling:groupName';
/** Between TERM and KILL for what a round leaves behind. */
const GRACE_MS = 500;

/** How this instance leaves, and how it stays after all: the agent's hands for `Departures`. */
export function departuresOf(parts: LeaveParts): Departures {
  const { world, memory } = parts;
  const { clock, log, presence, power, state } = world;
  const file = new FarewellFile(state, parts.bootId);
  return new Departures({
    ...{ clock, log, presence, power, file, board: new NoticeBoard(world.metadata, clock) },
    goodbye: (notice, leftMs) => new Goodbye(goodbyeParts(parts, file), notice, leftMs),
    isAwaited: () => world.adopted()?.lifecycleHook !== undefined && memory.identity?.tags[GROUP_TAG] !== undefined,
    release: () => release(parts),
    tell: () => world.retell((status) => status),
    // Not before it is known who would be asked: that is the first round's to find out.
    keepKeys: async () => void (memory.identity && (await world.metadata.credentials(false))),
    bringBack: (touched) => bringBack(parts, touched),
    resume: parts.resume,
  });
}

function goodbyeParts(parts: LeaveParts, file: FarewellFile) {
  const { world, memory } = parts;
  const { clock, log, presence, services } = world;
  return {
    ...{ clock, log, presence, file },
    services: async () => (await specInForce(parts))?.services.filter(({ state }) => state === 'running') ?? [],
    async drain(service: ServiceSpec, { kind, deadline }: Notice, seconds: number) {
      const { identity } = memory;
      return identity ? words(service, await services.drain(service, { kind, seconds, deadline }, identity)) : [];
    },
    async registrations() {
      const ledger = memory.identity && (await world.state.readLedger(memory.identity.instanceId));
      return withdrawals((await specInForce(parts))?.registrations ?? [], ledger);
    },
    async withdraw(registration: Withdrawal) {
      const failure = await world.registrar.down(registration);
      return failure ? [told(failure, [])] : [];
    },
    async stop(service: ServiceSpec) {
      const done = await services.stop(service, false);
      return { ok: !done.failure, words: words(service, done) };
    },
    quiet: (withinMs: number) => quiet(parts, withinMs),
    tell: (stopped: readonly string[], said: readonly string[]) =>
      world.retell((status) => ({
        ...status,
        services: status.services.map((each) => (stopped.includes(each.id) ? { ...each, state: 'stopped' } : each)),
        notes: [...status.notes, ...said],
      })),
  };
}

/** Or, where no round has come so far, that of the content which is known here; undefined where there is none. */
async function specInForce({ world, memory }: LeaveParts): Promise<Spec | undefined> {
  const { identity, last } = memory;
  const known = async () => {
    if (!identity) return undefined;
    const ledger = await world.state.readLedger(identity.instanceId);
    const news = { snapshot: last?.snapshot, trouble: undefined };
    return (await chooseWanted(world, ledger, news, identity)).spec;
  };
  return world.adopted() ?? (await known().catch(() => undefined));
}

/** What went wrong, in words that can be told. */
function words(service: ServiceSpec, { failure, notes }: Done): readonly string[] {
  return failure ? [...notes, told(failure, Object.values(service.custom))] : notes;
}

function told({ trouble, output }: ServiceTrouble, secrets: readonly string[]): string {
  const said = redactedTail(output, secrets).trimEnd().split('\n').at(-1);
  return `${trouble.subject}: ${trouble.reason}${said ? `. It said last: ${said}` : ''}`;
}

/** No job begins any more, and the round under way comes to its end: what its hooks leave running is ended. */
async function quiet({ world, jobs, tools, idle }: LeaveParts, withinMs: number): Promise<void> {
  jobs.stop();
  const half = Math.max(0, withinMs / 2);
  const isIdle = await Promise.race([idle().then(() => true), world.clock.sleep(half).then(() => false)]);
  if (isIdle) return;
  const ended = endPassingScopes(tools.containment, GRACE_MS).catch(() => undefined);
  await Promise.race([ended, world.clock.sleep(half)]);
}

/**
 * The ledger says that they are as they should be, and they are not: an image's service is activated again as after a boot. A unit is
 * looked at, and started where it does not run. Where this machine was taken out, it is announced anew.
 */
async function bringBack({ world, memory, idle }: LeaveParts, touched: readonly string[]): Promise<void> {
  await idle();
  const { identity } = memory;
  if (identity) {
    const ledger = await world.state.readLedger(identity.instanceId);
    const kept = Object.entries(ledger.subjects).filter(([subject]) => !isAnnouncement(subject));
    const entries = kept.map(([subject, record]): [string, SubjectRecord] => {
      const { boot: _, ...inputs } = record.inputs ?? {};
      return [
        subject,
        touched.some((id) => subject === `service:${id}`) && record.inputs ? { ...record, inputs } : record,
      ];
    });
    await keepLedger(world, { ...ledger, subjects: Object.fromEntries(entries) });
  }
}

async function release({ world, memory }: LeaveParts): Promise<void> {
  const { paths, log, metadata, clock } = world;
  const hook = world.adopted()?.lifecycleHook;
  const group = memory.identity?.tags[GROUP_TAG];
  if (!memory.identity || hook === undefined || group === undefined) return;
  const credentials = await metadata.credentials(false);
  if (!credentials) throw noKeys(group, hook);
  const { instanceId, region } = memory.identity;
  const url = await endpointOf(paths.endpoints, 'autoscaling', log);
  await completeLifecycleAction({ region, url }, { group, hook, instanceId }, credentials, clock);
  log.info(`autoscaling: ${group} need not wait any longer`);
}

function noKeys(group: string, hook: string): HauloutError {
  return new HauloutError({
    code: 'no-credentials',
    step: 'goodbye',
    subject: `${group}/${hook}`,
    reason: 'this instance has no role, so it cannot tell its group to go on',
    hint: 'give it a role that may autoscaling:CompleteLifecycleAction, or leave out `lifecycle-hook`',
  });
}
