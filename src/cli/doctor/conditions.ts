import { type ConditionalWrites, probeConditionalWrites } from '../../aws/probe.ts';
import { type Finding, ok, warn } from './finding.ts';
import { type Patient, policyLine } from './patient.ts';

/** What the store really does with conditions on writes. */
export async function conditions(patient: Patient): Promise<readonly Finding[]> {
  const { state } = patient;
  try {
    return [told(await probeConditionalWrites(state.place, state.key('probe/')))];
  } catch {
    return [warn('conditions', 'cannot be tried: the state cannot be written', policyLine(patient))];
  }
}

function told({ createOnly, ifMatch }: ConditionalWrites): Finding {
  const seen = `create-only ${createOnly}, If-Match ${ifMatch}`;
  if (createOnly === 'enforced' && ifMatch === 'enforced') return ok('conditions', seen);
  return warn('conditions', seen, 'one writer at a time: this store does not keep two from writing over each other');
}
