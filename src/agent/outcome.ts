import type { Ledger } from '../ledger/ledger.ts';
import type { Facts } from '../plan/facts.ts';
import type { Plan, Step } from '../plan/step.ts';
import type { TroubleStatus } from '../status/status.ts';

/** The machine as it was looked at, and what is to be done about it. */
export interface Scene {
  readonly facts: Facts;
  readonly plan: Plan;
}

export interface Outcome {
  readonly ledger: Ledger;
  /** Subjects of the steps that succeeded. */
  readonly changed: readonly string[];
  readonly failures: readonly { readonly trouble: TroubleStatus }[];
  /** As it was before the last steps. */
  readonly scene: Scene;
}

/** Whether a step only says once more what was said: nothing has changed by it. */
export function isRenewal(step: Step): boolean {
  return step.do === 'register' && step.renewal;
}

/** Whether a subject is that the machine announces itself: who does not hear it says nothing about the content. */
export function isAnnouncement(subject: string): boolean {
  return subject.startsWith('register:');
}
