import type { Ledger } from '../ledger/ledger.ts';
import { diskTrouble, type Trouble } from '../lib/errors.ts';
import type { Plan, Step } from '../plan/step.ts';
import type { World } from './world.ts';

/** The ledger to disk. A disk that takes nothing is a trouble to tell, not the end of a round: services are looked after still. */
export async function keepLedger(world: World, ledger: Ledger): Promise<Trouble | undefined> {
  try {
    await world.state.writeLedger(ledger);
    return undefined;
  } catch (error) {
    const trouble = diskTrouble(error, 'ledger', world.paths.state);
    if (trouble) return trouble;
    throw error;
  }
}

/**
 * What may be done although nobody can write down that it was: a service that is down is started again. The rest would be done
 * over and over, and what has changed restarts services.
 */
export function withoutLedger(plan: Plan): Plan {
  return { ...plan, steps: plan.steps.filter(startsOnly) };
}

function startsOnly(step: Step): boolean {
  return (
    step.do === 'activate-service' && step.changed.length === 0 && step.phases.every((phase) => STARTING.has(phase))
  );
}

const STARTING = new Set(['validate', 'start', 'check']);
