import { dirname } from 'node:path';
import { readAccounts } from '../../apply/accounts.ts';
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
    await swapFiles(files, accounts, steps, work.ledger, (ledger) => work.keep(ledger));
  });
}
