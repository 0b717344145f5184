import { type Eyes, observe } from '../apply/observe.ts';
import { contentFailed, contentProven, type Ledger, withFilesOf, withNothingBrought } from '../ledger/ledger.ts';
import { withPublicAddress } from '../metadata/public-address.ts';
import { makePlan } from '../plan/plan.ts';
import type { ServiceSpec } from '../spec/spec.ts';
import type { Status } from '../status/status.ts';
import { carryOut } from './carry-out.ts';
import { clockNote } from './clock-note.ts';
import { keepLedger } from './keep-ledger.ts';
import type { Memory } from './memory.ts';
import { isAnnouncement, type Outcome, type Scene } from './outcome.ts';
import { Round } from './round.ts';
import { withTakenBack } from './taken-back.ts';
import { tidy } from './tidy.ts';
import type { Live } from './upload.ts';
import { chooseWanted, lookAtBucket } from './wanted.ts';
import type { World } from './world.ts';

/**
 * The page to read first. First boot and every re-sync are this one function (law 1):
 *
 *     metadata -> bucket -> spec -> facts + ledger -> plan -> apply, hooks -> ledger -> status
 *
 * It never throws: what went wrong is in the status, which is written at one place, whatever happened.
 */
export async function converge(world: World, memory: Memory): Promise<Status> {
  const round = new Round(world);
  let live: Live | undefined;
  try {
    const identity = await round.take('metadata', async () => {
      const known = memory.identity;
      memory.identity = known ? await withPublicAddress(world.metadata, known) : await world.metadata.identity();
      return memory.identity;
    });
    round.identity = identity;
    await world.presence.know(identity);
    const ledger = await world.state.readLedger(identity.instanceId);
    round.ledger = ledger;
    const news = await round.take('bucket', () => lookAtBucket(world, memory));
    const clock = news.snapshot && clockNote(world.store, world.clock);
    if (clock) round.note(clock);
    const wanted = await round.take('spec', () => chooseWanted(world, ledger, news, identity));
    round.chose(wanted, news.snapshot?.digest, memory.strangers);
    world.adopt(wanted.spec);

    const { snapshot } = wanted;
    const spec = withTakenBack(wanted.spec, snapshot, ledger);
    const look = async (known: Ledger): Promise<Scene> => {
      const facts = await round.take('facts', () => observe(world.eyes, spec, snapshot, identity, world.settings.role));
      const plan = makePlan({ spec, snapshot, facts, ledger: known, now: world.clock.now() });
      round.planned(plan);
      return { facts, plan };
    };
    const outcome = await carryOut({ world, round, identity, spec, snapshot }, ledger, look);
    // What a goodbye has cut short says nothing about the content.
    const isCut = world.presence.isLeaving;
    const settled = isCut
      ? outcome.ledger
      : settle(outcome, snapshot.digest, new Date(world.clock.now()).toISOString());
    const unkept = settled === ledger ? undefined : await keepLedger(world, settled);
    round.converged(outcome, settled, unkept);
    const acted = outcome.changed.length > 0;
    const facts = acted
      ? await observe(withActivated(world.eyes, outcome), spec, snapshot, identity, world.settings.role)
      : outcome.scene.facts;
    live = { schema: 1, identity, facts, ledger: settled };
    await tidy(world, settled, memory, settled !== ledger);
  } catch (error) {
    round.failed(error);
  }
  const status = round.status();
  await world.waits.turn(status.health);
  await world.report(status, live);
  return status;
}

/** An activation ends with a check that held: that service is not looked at once more in the same round. */
function withActivated(eyes: Eyes, { changed }: Outcome): Eyes {
  const activated = (service: ServiceSpec) => service.state === 'running' && changed.includes(`service:${service.id}`);
  return { ...eyes, healthy: async (service) => (activated(service) ? true : await eyes.healthy(service)) };
}

/** Law 2: what converged whole is proven; what failed for the third time is set aside. */
function settle(outcome: Outcome, digest: string, at: string): Ledger {
  const { failures, scene } = outcome;
  const ledger = withFilesOf(outcome.ledger, scene.facts.files);
  const first = failures.find(({ trouble }) => !isAnnouncement(trouble.subject));
  if (first) {
    const failure = { code: first.trouble.code, subject: first.trouble.subject, at };
    return { ...ledger, content: contentFailed(ledger.content, digest, failure) };
  }
  const waits = scene.plan.waiting.some(({ subject }) => !isAnnouncement(subject));
  if (waits || ledger.content.proven === digest) return ledger;
  return { ...withNothingBrought(ledger), content: contentProven(ledger.content, digest) };
}
