import type { SubjectRecord } from '../ledger/ledger.ts';
import type { ServiceSpec } from '../spec/spec.ts';
import type { ServiceFact } from './facts.ts';
import type { Change, Phase, Step } from './step.ts';

/** What a service must be activated with to be as wanted; the ledger keeps the ones it was last activated with. */
export function serviceInputs(service: ServiceSpec, fact: ServiceFact, bootId: string): Record<string, string> {
  const inputs: Record<string, string> = { definition: fact.definition, ...fact.watched };
  if (service.source.kind === 'image') {
    inputs['image'] = fact.image ?? '';
    // What an image's start left is gone after a reboot; a unit is started again by the system.
    inputs['boot'] = bootId;
    inputs['owner'] = service.user;
  }
  return inputs;
}

/**
 * moment (DESIGN §7)                        | image                                      | unit
 * ------------------------------------------|--------------------------------------------|---------------------------
 * first time                                | swap-image configure start check           | validate start|then check
 * its cfg, what it watches changed          | configure start check                      | validate then check
 * its image or its user changed             | stop swap-image configure start check      | -
 * ... and files that it watches             | validate stop swap-image ...               | -
 * its last activation failed                | configure start check                      | validate then check
 * its check fails                           | start check                                | validate start check
 */
export function serviceStep(
  service: ServiceSpec,
  fact: ServiceFact,
  record: SubjectRecord | undefined,
  bootId: string,
  touched: ReadonlySet<string>,
): Step | undefined {
  const subject = `service:${service.id}`;
  if (service.state !== 'running') return stopStep(service, fact, record);
  const before = record?.inputs;
  const after = serviceInputs(service, fact, bootId);
  const changed = before ? changes({ ...sameOwner(after), ...before }, after, touched) : [];
  const activate = (why: string, phases: readonly Phase[]): Step => {
    return { subject, why, do: 'activate-service', service: service.id, phases, changed };
  };
  if (!before || record?.activated === undefined)
    return activate('it was never activated here', firstPhases(service, fact));
  if (changed.length > 0) return activate(describe(changed), changePhases(service, fact, changed));
  if (service.source.kind === 'image' && fact.installed !== fact.image) {
    return activate('its image is not the one in the bucket', IMAGE_PHASES);
  }
  // Whatever it was half configured with, perhaps by content that was given up since: from the start.
  if (record.failures?.reached) {
    return activate('its last activation failed', fact.foreign ? IMAGE_PHASES : changePhases(service, fact, changed));
  }
  if (fact.healthy === false) return activate('its check fails', [...validating(service), 'start', 'check']);
  return undefined;
}

/** A ledger of an older agent does not say it: that alone is no reason to stop a service. */
function sameOwner({ owner }: Readonly<Record<string, string>>): Record<string, string> {
  return owner === undefined ? {} : { owner };
}

/** `stopped` and `absent` are positive words; once said and done they are not said again. */
function stopStep(service: ServiceSpec, fact: ServiceFact, record: SubjectRecord | undefined): Step | undefined {
  const subject = `service:${service.id}`;
  const remove = service.state === 'absent';
  const running =
    record?.activated !== service.state || fact.healthy === true || (remove && fact.installed !== undefined);
  if (!running) return undefined;
  return { subject, why: `the spec wants it ${service.state}`, do: 'stop-service', service: service.id, remove };
}

function firstPhases(service: ServiceSpec, fact: ServiceFact): readonly Phase[] {
  if (service.source.kind === 'image') return fact.installed === undefined ? IMAGE_PHASES.slice(1) : IMAGE_PHASES;
  // A package starts its daemon as it is installed: then what was put beside it since is not loaded yet.
  return [...validating(service), fact.healthy === false ? 'start' : service.then, 'check'];
}

function changePhases(service: ServiceSpec, fact: ServiceFact, changed: readonly Change[]): readonly Phase[] {
  if (service.source.kind === 'unit')
    return [...validating(service), fact.healthy === false ? 'start' : service.then, 'check'];
  // Not the one that was activated last, or not the one on disk: an image that failed stands there still.
  if (changed.some(({ subject }) => SWAPPING.has(subject)) || fact.installed !== fact.image) {
    return [...validatingFiles(service, fact, changed), ...IMAGE_PHASES];
  }
  return [...validating(service), 'configure', 'start', 'check'];
}

/** The files of an image belong to its service's user: for another one it is unpacked anew. */
const SWAPPING = new Set(['image', 'owner']);

/** Also where nothing of the old one is on disk: what its `start` left may run all the same. */
const IMAGE_PHASES: readonly Phase[] = ['stop', 'swap-image', 'configure', 'start', 'check'];

function validating(service: ServiceSpec): readonly Phase[] {
  return service.validate === undefined ? [] : ['validate'];
}

/** Where only the image is new, a `validate` that stands in the old one must not keep the one that mends it from coming. */
function validatingFiles(service: ServiceSpec, fact: ServiceFact, changed: readonly Change[]): readonly Phase[] {
  const files = changed.some(({ subject }) => subject.startsWith('file:'));
  return files && fact.installed !== undefined ? validating(service) : [];
}

function changes(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
  touched: ReadonlySet<string>,
): Change[] {
  const subjects = [...new Set([...Object.keys(before), ...Object.keys(after), ...touched])].sort();
  return subjects
    .filter((subject) => before[subject] !== after[subject] || touched.has(subject))
    .map((subject) => ({ subject, before: before[subject], after: after[subject] }));
}

function describe(changed: readonly Change[]): string {
  const names = changed.map(({ subject }) => WORDS[subject] ?? subject);
  const shown = names.slice(0, 3).join(', ');
  return `${names.length > 3 ? `${shown} and ${names.length - 3} more` : shown} changed`;
}

const WORDS: Record<string, string> = {
  definition: 'its section in the spec',
  image: 'its image',
  boot: 'the boot',
  owner: 'its user',
};
