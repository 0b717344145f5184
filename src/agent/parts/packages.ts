import { activated } from '../../ledger/ledger.ts';
import type { Step } from '../../plan/step.ts';
import type { Work } from '../work.ts';

const WORDS = ['upgrade-packages', 'remove-package', 'install-package'] as const;

/**
 * Upgrade, removals, installs: three transactions of the package manager. They bring files, users and running daemons with
 * them, so after them the machine is looked at again. False: one failed, and what follows would stand on it.
 */
export async function carryOutPackages(work: Work): Promise<boolean> {
  if (work.steps(...WORDS).length === 0) return true;
  const { packages } = work.job.world.eyes;
  const [upgrades, removals, installs] = [
    work.steps('upgrade-packages'),
    work.steps('remove-package'),
    work.steps('install-package'),
  ];
  const names = removals.map(({ name }) => name);
  const isDone =
    (await transaction(work, upgrades, () => packages.upgrade())) &&
    (await transaction(work, removals, () => packages.remove(names))) &&
    (await transaction(work, installs, () => packages.install(installs)));
  if (isDone) await work.lookAgain(WORDS);
  return isDone;
}

async function transaction(work: Work, steps: readonly Step[], action: () => Promise<void>): Promise<boolean> {
  if (!(await work.together('packages', steps, action))) return false;
  if (steps.length > 0) await work.record(steps.map(({ subject }) => [subject, activated('done')]));
  if (steps.some((step) => step.do === 'upgrade-packages')) await work.keep({ ...work.ledger, upgraded: true });
  return true;
}
