import type { Accounts } from '../apply/accounts.ts';
import type { FileWriter } from '../apply/files.ts';
import { activated, type Ledger, type SubjectRecord, withSubjects } from '../ledger/ledger.ts';
import { run, SYSTEM_ENVIRONMENT } from '../lib/exec.ts';
import type { FileStep } from './carry-out.ts';

/**
 * Puts a plan's files in place. What a service has yet to accept is written down with what stood there before, on disk,
 * before the first of them is swapped: whatever happens next, there is a way back. Content is synced once, then recorded.
 */
export async function swapFiles(
  writer: FileWriter,
  accounts: Accounts,
  steps: readonly FileStep[],
  ledger: Ledger,
  keep: (ledger: Ledger) => Promise<void>,
): Promise<void> {
  const held: [string, SubjectRecord][] = [];
  for (const step of steps) {
    if (step.do === 'make-directory' || step.heldFor.length === 0) continue;
    const before = ledger.subjects[step.subject];
    // An earlier swap that was never accepted: its way back is the one that counts.
    const previous = before?.previous ?? (await writer.keepPrevious(step.path));
    held.push([step.subject, { ...before, wanted: wantedOf(step), previous }]);
  }
  const prepared = withSubjects(ledger, held);
  if (held.length > 0) await keep(prepared);

  for (const step of steps) await swap(writer, accounts, step);
  await syncDisks(steps);

  const records = steps.map((step): [string, SubjectRecord] => {
    const previous = prepared.subjects[step.subject]?.previous;
    return [step.subject, { ...activated(wantedOf(step)), ...(previous ? { previous } : {}) }];
  });
  await keep(withSubjects(prepared, records));
}

async function swap(writer: FileWriter, accounts: Accounts, step: FileStep): Promise<void> {
  switch (step.do) {
    case 'write-file':
      return await writer.write(step, accounts);
    case 'make-directory':
      return await writer.makeDirectory(step, accounts);
    case 'link':
      return await writer.link(step.path, step.target);
    case 'remove-file':
      return await writer.remove(step.path);
  }
}

function wantedOf(step: FileStep): string {
  if (step.do === 'write-file') return step.sha256;
  return step.do === 'link' ? `link ${step.target}` : step.do;
}

/** Law 6: a snapshot's content is synced once. sync(1) syncs the file systems that hold the given paths. */
async function syncDisks(steps: readonly FileStep[]): Promise<void> {
  const written = steps.filter((step) => step.do === 'write-file').map(({ path }) => path);
  if (written.length === 0) return;
  for (let at = 0; at < written.length; at += 500) {
    await run(['sync', '-f', '--', ...written.slice(at, at + 500)], { timeoutMs: 300_000, env: SYSTEM_ENVIRONMENT });
  }
}
