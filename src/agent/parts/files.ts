import { dirname } from 'node:path';
import { readAccounts } from '../../apply/accounts.ts';
import { type Ledger, type SubjectRecord, withSubjects } from '../../ledger/ledger.ts';
import type { FileStep } from '../../plan/step.ts';
import { swapFiles } from '../swap-files.ts';
import type { Work } from '../work.ts';

/** All files in one swap. False: it failed, and no service is to see half of it. */
export async function carryOutFiles(work: Work): Promise<boolean> {
  const { files, paths, state } = work.job.world;
  const steps = work.steps('write-file', 'make-directory', 'link', 'remove-file');
  return await work.together('files', steps, async () => {
    const accounts = await readAccounts(paths.root);
    // Where something half-made may stand if we are killed now: swept at the next start.
    await state.writeOther('staging.json', [...new Set(steps.map(({ path }) => dirname(path)))]);
    await swapFiles(files, accounts, steps, broughtBy(work, steps), (ledger) => work.keep(ledger));
  });
}

/** What stood nowhere is of this content, as long as that is not proven; where nothing is, there is no way back. */
function broughtBy({ job, ledger, scene }: Work, steps: readonly FileStep[]): Ledger {
  const brought = job.snapshot.digest;
  if (ledger.content.proven === undefined || ledger.content.proven === brought) return ledger;
  const records = steps.flatMap(({ do: word, path, subject }): [string, SubjectRecord][] => {
    const before = ledger.subjects[subject];
    const isNew = scene.facts.files[path]?.kind === 'absent' || before?.brought !== undefined;
    return isNew && (word === 'write-file' || word === 'link') ? [[subject, { wanted: '', ...before, brought }]] : [];
  });
  return withSubjects(ledger, records);
}
