import { emptyLedger } from '../ledger/ledger.ts';
import { EXIT } from '../lib/exit.ts';
import { visible } from '../lib/log.ts';
import { makePlan } from '../plan/plan.ts';
import type { Step } from '../plan/step.ts';
import { formatMistakes, toFinding } from '../spec/format.ts';
import { specOf } from './lint.ts';
import { readLive } from './live.ts';
import { factsFor, freshMachine, snapshotOf } from './plan-facts.ts';
import { readRoleDirectory } from './role-directory.ts';
import { data, paint, say } from './talk.ts';

export interface PlanOptions {
  readonly against?: string;
  readonly state?: string;
  readonly endpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
  readonly exitCode?: boolean;
  readonly json?: boolean;
}

/**
 * `haulout plan DIR`: the agent's own planner, fed with the facts of a machine that has nothing yet, or (`--against`) with
 * those that a live instance wrote beside its status. 0, or 2 with --exit-code when there is anything to do.
 */
export async function plan(directory: string, options: PlanOptions): Promise<number> {
  const role = await readRoleDirectory(directory);
  const read = await specOf(role);
  if ('mistakes' in read) {
    if (options.json) data({ schema: 1, findings: read.mistakes.map((mistake) => toFinding(mistake)) });
    else process.stdout.write(formatMistakes(read.mistakes));
    return EXIT.badConfiguration;
  }
  const { spec } = read;
  const snapshot = await snapshotOf(role);
  const live = options.against === undefined ? undefined : await readLive(role.role, options.against, options);
  const facts = await factsFor(role, spec, snapshot, live ?? freshMachine);
  const ledger = live?.ledger ?? emptyLedger('');
  const { steps } = makePlan({ spec, snapshot, facts, ledger, now: Number.MAX_SAFE_INTEGER });
  tell(options.against ?? 'a fresh instance', snapshot.digest, steps, options.json === true);
  return options.exitCode && steps.length > 0 ? EXIT.differences : EXIT.done;
}

function tell(who: string, digest: string, steps: readonly Step[], json: boolean): void {
  if (json) {
    data({ schema: 1, instance: who, digest, steps });
    return;
  }
  const width = Math.min(48, Math.max(0, ...steps.map(({ subject }) => subject.length)));
  for (const step of steps)
    process.stdout.write(visible(`${word(step).padEnd(9)} ${step.subject.padEnd(width)}  ${step.why}`).concat('\n'));
  const count = `${steps.length} step${steps.length === 1 ? '' : 's'}`;
  say(
    `${who}: ${steps.length === 0 ? paint.green('nothing to do') : paint.bold(count)} (content ${digest.slice(0, 12)})`,
  );
}

const WORDS: Record<Step['do'], string> = {
  'upgrade-packages': 'upgrade',
  'remove-package': 'remove',
  'install-package': 'install',
  'make-directory': 'make',
  'write-file': 'write',
  link: 'link',
  'remove-file': 'remove',
  'stop-service': 'stop',
  'activate-service': 'activate',
  'schedule-job': 'schedule',
  register: 'announce',
  withdraw: 'withdraw',
};

function word(step: Step): string {
  return WORDS[step.do];
}
