import pLimit from 'p-limit';
import type { Snapshot } from '../../bucket/snapshot.ts';
import { emptyLedger } from '../../ledger/ledger.ts';
import { EXIT } from '../../lib/exit.ts';
import { visible } from '../../lib/log.ts';
import { makePlan } from '../../plan/plan.ts';
import type { Step } from '../../plan/step.ts';
import type { Place } from '../fleet/place.ts';
import { FleetReader } from '../fleet/read-fleet.ts';
import { conditionOf } from '../fleet/row.ts';
import { specOf } from '../lint.ts';
import { type LiveOptions, readLive } from '../live.ts';
import { factsFor } from '../plan-facts.ts';
import type { RoleDirectory } from '../role-directory.ts';
import { data, say } from '../talk.ts';

interface HostPlan {
  readonly instanceId: string;
  /** Undefined: it has not said what it has. */
  readonly steps: readonly Step[] | undefined;
}

const AT_ONCE = 16;

/** What would change where: each instance's own facts against the content that it would have, by the agent's own planner. */
export async function planFor(
  role: RoleDirectory,
  snapshot: Snapshot,
  place: Place,
  options: LiveOptions & { readonly json?: boolean },
): Promise<number> {
  const read = await specOf(role);
  if ('mistakes' in read) return EXIT.badConfiguration;
  const { rows, now } = await new FleetReader(place).look();
  const there = rows.filter((row) => !['ended', 'lost'].includes(conditionOf(row, now)));
  const limit = pLimit(AT_ONCE);
  const planOf = async (instanceId: string): Promise<HostPlan> => {
    const live = await readLive(role.role, instanceId, { ...options, state: place.text }).catch(() => undefined);
    if (!live) return { instanceId, steps: undefined };
    const facts = await factsFor(role, read.spec, snapshot, live);
    const ledger = live.ledger ?? emptyLedger('');
    const { steps } = makePlan({ spec: read.spec, snapshot, facts, ledger, now: Number.MAX_SAFE_INTEGER });
    return { instanceId, steps };
  };
  const plans = await Promise.all(there.map(({ instanceId }) => limit(planOf, instanceId)));
  if (options.json) data({ schema: 1, digest: snapshot.digest, instances: plans });
  else tell(plans);
  return EXIT.done;
}

/** Instances that would do the same are told of once. */
function tell(plans: readonly HostPlan[]): void {
  const groups = new Map<string, HostPlan[]>();
  for (const plan of plans) {
    const print = JSON.stringify(plan.steps?.map(({ subject, why }) => [subject, why]) ?? null);
    groups.set(print, [...(groups.get(print) ?? []), plan]);
  }
  for (const group of groups.values()) {
    const { steps } = group[0]!;
    const names = group.map(({ instanceId }) => instanceId);
    const what =
      steps === undefined ? 'it is not known what they have' : steps.length === 0 ? 'nothing to do' : 'would';
    process.stdout.write(
      visible(
        `${names.slice(0, 4).join(' ')}${names.length > 4 ? ` and ${names.length - 4} more` : ''}: ${what}`,
      ).concat('\n'),
    );
    for (const { subject, why } of steps ?? []) process.stdout.write(visible(`  ${subject}  ${why}`).concat('\n'));
  }
  say(plans.length === 0 ? 'no instance has told of itself' : `nothing was uploaded; next: the same without --plan`);
}
