import type { Accounts } from '../apply/accounts.ts';
import type { FileWriter, Staged } from '../apply/files.ts';
import { activated, type Ledger, type SubjectRecord, withSubjects } from '../ledger/ledger.ts';
import { asTrouble, errorCode, HauloutError, type Trouble } from '../lib/errors.ts';
import { run, SYSTEM_ENVIRONMENT } from '../lib/exec.ts';
import type { FileStep } from '../plan/step.ts';

/**
 * Puts a plan's files in place, in three moves. Staged: each whole beside its target; when one cannot be, none is swapped.
 * Written down: what a service has yet to accept, with what stood there before, so that there is a way back whatever happens
 * next. Swapped: renames, one sync, and the record. Nothing is ever half applied by a mistake, only by a power cut or by a path
 * that the kernel lets nobody replace, and then the next round goes on from there.
 */
export async function swapFiles(
  writer: FileWriter,
  accounts: Accounts,
  steps: readonly FileStep[],
  ledger: Ledger,
  keep: (ledger: Ledger) => Promise<void>,
): Promise<void> {
  const swaps = await stageAll(writer, accounts, steps);
  let prepared = ledger;
  try {
    const held = await previousOf(writer, steps, ledger);
    prepared = withSubjects(ledger, held);
    if (held.length > 0) await keep(prepared);
    for (const [index, step] of steps.entries()) await about(step, () => swaps[index]!.commit());
  } catch (error) {
    await discard(swaps);
    throw error;
  }
  await syncDisks(steps);

  const records = steps.map((step): [string, SubjectRecord] => {
    // One that no service has to accept any more has no way back: what stood there once is of another time.
    const previous = isHeld(step) ? prepared.subjects[step.subject]?.previous : undefined;
    const brought = step.do === 'remove-file' ? undefined : ledger.subjects[step.subject]?.brought;
    return [step.subject, { ...activated(wantedOf(step)), ...(previous && { previous }), ...(brought && { brought }) }];
  });
  await keep(withSubjects(prepared, records));
}

async function stageAll(writer: FileWriter, accounts: Accounts, steps: readonly FileStep[]): Promise<Staged[]> {
  const staged: Staged[] = [];
  try {
    for (const step of steps) staged.push(await about(step, () => stage(writer, accounts, step)));
    return staged;
  } catch (error) {
    await discard(staged);
    throw error;
  }
}

async function discard(staged: readonly Staged[]): Promise<void> {
  for (const one of staged) await one.discard().catch(() => undefined);
}

/** What goes wrong is told of the path it went wrong with: that one has its pause, and a person looks there. */
async function about<T>({ subject }: FileStep, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new HauloutError(
      IMMOVABLE.has(errorCode(error) ?? '') ? immovable(subject) : asTrouble(error, 'files', subject),
    );
  }
}

/** rename(2), unlink(2): root may do all the rest. */
const IMMOVABLE = new Set(['EBUSY', 'EPERM']);

function immovable(subject: string): Trouble {
  return {
    code: 'path-occupied',
    step: 'files',
    subject,
    reason: 'the kernel lets nobody replace it: something is mounted there, or it is immutable',
    hint: 'look with `findmnt` and `lsattr` on the instance; unmount it, `chattr -i` it, or name another path',
  };
}

/** A directory is made at once: what is staged after it may stand in it, and by itself it changes nothing. */
async function stage(writer: FileWriter, accounts: Accounts, step: FileStep): Promise<Staged> {
  if (step.do === 'write-file') return await writer.stage(step, accounts);
  if (step.do === 'make-directory') {
    await writer.makeDirectory(step, accounts);
    return { commit: async () => undefined, discard: async () => undefined };
  }
  await writer.check(step.path);
  const commit = step.do === 'link' ? () => writer.link(step.path, step.target) : () => writer.remove(step.path);
  return { commit, discard: async () => undefined };
}

async function previousOf(
  writer: FileWriter,
  steps: readonly FileStep[],
  ledger: Ledger,
): Promise<[string, SubjectRecord][]> {
  const held: [string, SubjectRecord][] = [];
  for (const step of steps) {
    if (!isHeld(step)) continue;
    const before = ledger.subjects[step.subject];
    // An earlier swap that was never accepted: its way back is the one that counts.
    const previous = before?.previous ?? (await about(step, () => writer.keepPrevious(step.path)));
    held.push([step.subject, { ...before, wanted: wantedOf(step), previous }]);
  }
  if (held.some(([, { previous }]) => previous?.kind === 'file')) await writer.syncKept();
  return held;
}

function isHeld(step: FileStep): boolean {
  return step.do !== 'make-directory' && step.heldFor.length > 0;
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
