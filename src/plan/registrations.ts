import type { PlanInput } from './plan.ts';
import type { RegisterStep } from './step.ts';

/** With the pauses of the back-off this takes about an hour: a host that is started anew is waited for, one that is gone is not for ever. */
export const MOST_TRIES = 12;

/** What is gone is taken out first: it may be the same place under another name. */
export function registerSteps(input: PlanInput): RegisterStep[] {
  return [...goneSteps(input), ...wantedSteps(input)];
}

/** What was done of it is in its digest: another one is done anew, whatever it was that changed. */
function wantedSteps({ spec, facts, ledger }: PlanInput): RegisterStep[] {
  return spec.registrations.flatMap(({ id }) => {
    const { activated, announced } = ledger.subjects[`register:${id}`] ?? {};
    const renewal = activated === facts.registrations[id];
    const period = facts.periods[id];
    if (renewal && (period === undefined || period === announced?.period)) return [];
    const changed = 'this boot, an address or its section in the spec is another';
    const why = activated === undefined ? 'it is not announced yet' : renewal ? 'the time of `renew` is over' : changed;
    return { subject: `register:${id}`, why, do: 'register', registration: id, renewal };
  });
}

/**
 * Law 3 stands: only a spec that was read and checked comes here, so somebody took the section out of it.
 *
 * section | `down` is remembered | it failed | step
 * --------|----------------------|-----------|----------------------------------------------
 * there   |                      |           | none of these
 * gone    | no                   |           | forget: nothing can be run
 * gone    | yes                  | not often | withdraw
 * gone    | yes                  | too often | forget: the place may not be there any more
 */
function goneSteps({ spec, ledger }: PlanInput): RegisterStep[] {
  const named = new Set(spec.registrations.map(({ id }) => `register:${id}`));
  const gone = Object.keys(ledger.subjects).filter((key) => key.startsWith('register:') && !named.has(key));
  return gone.map((subject) => {
    const about = { subject, registration: subject.slice('register:'.length) };
    // Carefully: on the desk the ledger is what a host wrote.
    const { down, tries = 0 } = ledger.subjects[subject]?.announced ?? {};
    if (down === undefined)
      return { ...about, do: 'forget', why: 'its section is gone from the spec, and there is no `down` to run' };
    if (tries >= MOST_TRIES)
      return { ...about, do: 'forget', why: `its \`down\` failed ${tries} times: it is given up` };
    return { ...about, do: 'withdraw', why: 'its section is gone from the spec' };
  });
}
