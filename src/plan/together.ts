import { isDue } from '../ledger/ledger.ts';
import type { PlanInput } from './plan.ts';
import type { Plan, Waiting } from './step.ts';

/**
 * What one service watches is put there together or not at all: while a file of it has its pause, and while the service that
 * would have to accept it has, the others wait too. Half a configuration is one that nobody wrote.
 */
export function keepTogether(plan: Plan, input: PlanInput): Plan {
  const groups = groupsOf(input);
  const waiting = new Map(plan.waiting.map((each) => [each.subject, each]));
  let { steps } = plan;
  for (let left = -1; left !== steps.length; ) {
    left = steps.length;
    for (const { pause, subjects } of groups) {
      const cause = pause ?? [...waiting.values()].find(({ subject }) => subjects.has(subject));
      if (!cause) continue;
      const held = steps.filter(({ subject }) => subjects.has(subject));
      for (const { subject } of held) waiting.set(subject, { ...cause, subject });
      if (held.length > 0) steps = steps.filter(({ subject }) => !subjects.has(subject));
    }
  }
  return { steps, waiting: [...waiting.values()] };
}

interface Group {
  /** Of the service itself, where it validates: nobody would look at the files that are put there. */
  readonly pause: Waiting | undefined;
  readonly subjects: ReadonlySet<string>;
}

function groupsOf({ spec, snapshot, facts, ledger, now }: PlanInput): Group[] {
  const running = spec.services.filter(({ state }) => state === 'running');
  return running.map(({ id, validate }) => {
    const subject = `service:${id}`;
    const record = ledger.subjects[subject];
    const { failures } = record ?? {};
    const pauses = validate !== undefined && failures && !isDue(record, snapshot.digest, now);
    const pause = pauses
      ? { subject, code: failures.code, failures: failures.count, nextTry: failures.nextTry }
      : undefined;
    return { pause, subjects: new Set(facts.services[id]?.watchedPaths.map((path) => `file:${path}`)) };
  });
}
