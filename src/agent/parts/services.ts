import { inputsNow } from '../../apply/observe.ts';
import { activated, type SubjectRecord } from '../../ledger/ledger.ts';
import { serviceInputs } from '../../plan/services.ts';
import type { ServiceSpec } from '../../spec/spec.ts';
import type { ServiceTrouble } from '../service-hands.ts';
import type { StepOf, Work } from '../work.ts';
import { Verdicts, watchedFiles } from './verdicts.ts';

/** A service that fails does not keep the others from their turn. */
export async function carryOutServices(work: Work): Promise<void> {
  const { spec, world } = work.job;
  const verdicts = new Verdicts(work);
  await verdicts.askAhead();
  for (const step of work.steps('activate-service', 'stop-service')) {
    if (world.presence.isLeaving) return; // nobody starts what is being stopped
    const service = spec.services.find(({ id }) => id === step.service);
    if (!service || (step.do === 'activate-service' && verdicts.isMoot(step))) continue;
    const action = () =>
      step.do === 'stop-service' ? stop(work, step, service) : activate(work, step, service, verdicts);
    await work.one('service', step, action, Object.values(service.custom));
  }
}

async function activate(
  work: Work,
  step: StepOf<'activate-service'>,
  service: ServiceSpec,
  verdicts: Verdicts,
): Promise<ServiceTrouble | undefined> {
  const { world, identity, snapshot } = work.job;
  const refused = await verdicts.of(step, service);
  if (refused) return refused;
  const failure = work.noted(await world.services.activate(step, service, snapshot, identity));
  if (failure) return failure;
  const { facts } = work.scene;
  const fact = facts.services[service.id];
  if (!fact) return undefined;
  // Looked at again: what it was activated with is what is there now, not what was planned.
  const watched = await inputsNow(world.eyes, service);
  const inputs = serviceInputs(service, { ...fact, watched }, facts.bootId);
  const record: SubjectRecord = { ...activated(service.state), inputs };
  const accepted = watchedFiles(work, service).map(([subject, { previous: _, ...rest }]) => [subject, rest] as const);
  await work.record([...accepted, [step.subject, record]]);
  return undefined;
}

async function stop(
  work: Work,
  step: StepOf<'stop-service'>,
  service: ServiceSpec,
): Promise<ServiceTrouble | undefined> {
  const failure = work.noted(await work.job.world.services.stop(service, step.remove));
  if (!failure) await work.record([[step.subject, activated(service.state)]]);
  return failure;
}
