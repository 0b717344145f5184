import { activated } from '../../ledger/ledger.ts';
import type { Work } from '../work.ts';

/** A job is in force once it is written down: the schedule is made from the spec. */
export async function carryOutJobs(work: Work): Promise<void> {
  const steps = work.steps('schedule-job');
  if (steps.length === 0) return;
  const { jobs } = work.scene.facts;
  await work.record(steps.map(({ subject, job }) => [subject, activated(jobs[job] ?? '')]));
  work.changed(steps);
}
