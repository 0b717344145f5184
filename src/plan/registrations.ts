import type { RegisterSpec } from '../spec/spec.ts';
import type { PlanInput } from './plan.ts';
import type { RegisterStep } from './step.ts';

/** What leaves goes first: it may be the same place under another name. */
export function registerSteps(input: PlanInput): RegisterStep[] {
  const { registrations } = input.spec;
  return [
    ...registrations.filter(({ state }) => state === 'absent').flatMap((each) => withdrawStep(each, input)),
    ...registrations.filter(({ state }) => state === 'announced').flatMap((each) => registerStep(each, input)),
  ];
}

/** What was done of it is in its digest: another one is done anew, whatever it was that changed. */
function registerStep({ id }: RegisterSpec, { facts, ledger }: PlanInput): RegisterStep[] {
  const { activated, announced } = ledger.subjects[`register:${id}`] ?? {};
  const renewal = activated === facts.registrations[id];
  const period = facts.periods[id];
  if (renewal && (period === undefined || period === announced?.period)) return [];
  const changed = 'this boot, an address or its section in the spec is another';
  const why = activated === undefined ? 'it is not announced yet' : renewal ? 'the time of `renew` is over' : changed;
  return [{ subject: `register:${id}`, why, do: 'register', registration: id, renewal }];
}

/** As long as anything is known of it: an `up` that failed may have been heard. A section that is gone says nothing (law 3). */
function withdrawStep({ id }: RegisterSpec, { ledger }: PlanInput): RegisterStep[] {
  const subject = `register:${id}`;
  if (ledger.subjects[subject] === undefined) return [];
  return [{ subject, why: 'it is to be absent', do: 'withdraw', registration: id }];
}
