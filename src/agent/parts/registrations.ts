import { isAnnouncement } from '../outcome.ts';
import type { Work } from '../work.ts';

/** A machine announces itself when all of it is well, and not before. */
export async function carryOutRegistrations(work: Work): Promise<void> {
  const { world, spec } = work.job;
  const { facts, plan } = work.scene;
  if (work.hasFailed || plan.waiting.some(({ subject }) => !isAnnouncement(subject))) return;
  for (const step of work.steps('register', 'withdraw')) {
    if (world.presence.isLeaving) return;
    await work.one('register', step, async () => {
      const { ledger, ...done } = await world.registrar.take(step, { spec, facts, ledger: work.ledger });
      await work.keep(ledger);
      return work.noted(done);
    });
  }
}
