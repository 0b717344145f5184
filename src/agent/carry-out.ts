import type { Ledger } from '../ledger/ledger.ts';
import type { Outcome } from './outcome.ts';
import { carryOutFiles } from './parts/files.ts';
import { carryOutJobs } from './parts/jobs.ts';
import { carryOutPackages } from './parts/packages.ts';
import { carryOutRegistrations } from './parts/registrations.ts';
import { carryOutServices } from './parts/services.ts';
import { type Job, type Look, Work } from './work.ts';

/**
 * Does what the plan says, each part on the ground of those before it. A package or file that fails ends the round, because
 * what follows stands on it. The ledger is on disk after each step.
 */
export async function carryOut(job: Job, ledger: Ledger, look: Look): Promise<Outcome> {
  const work = await Work.open(job, ledger, look);
  if (work.isIdle) return work.outcome();
  await work.begin();
  if (!(await carryOutPackages(work)) || !(await carryOutFiles(work))) return work.outcome();
  await carryOutServices(work);
  await carryOutJobs(work);
  await carryOutRegistrations(work);
  return work.outcome();
}
