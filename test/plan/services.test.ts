import { describe, expect, it } from 'vitest';
import { activated, type SubjectRecord } from '../../src/ledger/ledger.ts';
import type { ServiceFact } from '../../src/plan/facts.ts';
import { serviceInputs, serviceStep } from '../../src/plan/services.ts';
import type { ServiceSpec } from '../../src/spec/spec.ts';
import { imageService, serviceFact, unitService } from '../support/planned.ts';

const FAILURES = { count: 1, code: 'x', content: 'c', nextTry: 0, reached: true };
const imageFact = serviceFact({ image: 'i1', installed: 'i1' });

function recordOf(service: ServiceSpec, fact: ServiceFact, more: Partial<SubjectRecord> = {}): SubjectRecord {
  return { ...activated('running'), inputs: serviceInputs(service, fact, 'boot-1'), ...more };
}

function planned(service: ServiceSpec, fact: ServiceFact, record: SubjectRecord | undefined, touched: string[] = []) {
  const step = serviceStep(service, fact, record, 'boot-1', new Set(touched));
  if (step?.do !== 'activate-service') return step?.do;
  return `${step.phases.join(' ')} (${step.why})`;
}

const unit = unitService('web');
const image = imageService('planet');
const strict = unitService('web', { validate: 'nginx -t', then: 'reload' });
const strictImage = imageService('planet', { validate: 'grep -q title /a' });
const sick = { healthy: false };

describe('the moments of DESIGN §7', () => {
  it.each<[string, ServiceSpec, ServiceFact, SubjectRecord | undefined, string | undefined]>([
    // first time
    [
      'image, first time',
      image,
      { ...imageFact, installed: undefined },
      undefined,
      'swap-image configure start check (it was never activated here)',
    ],
    [
      'image, first time, one left over',
      image,
      { ...imageFact, installed: 'i0' },
      undefined,
      'stop swap-image configure start check (it was never activated here)',
    ],
    [
      'unit, first time, its package runs it',
      strict,
      serviceFact(),
      undefined,
      'validate reload check (it was never activated here)',
    ],
    [
      'unit, first time, down',
      strict,
      serviceFact(sick),
      undefined,
      'validate start check (it was never activated here)',
    ],
    [
      'unit, first time, nothing says',
      unit,
      serviceFact({ healthy: undefined }),
      undefined,
      'restart check (it was never activated here)',
    ],
    // nothing
    ['image, as wanted', image, imageFact, recordOf(image, imageFact), undefined],
    ['image, without a check', image, { ...imageFact, healthy: undefined }, recordOf(image, imageFact), undefined],
    ['unit, as wanted', unit, serviceFact(), recordOf(unit, serviceFact()), undefined],
    // its section, what it watches
    [
      'image, section',
      image,
      { ...imageFact, definition: 'd2' },
      recordOf(image, imageFact),
      'configure start check (its section in the spec changed)',
    ],
    [
      'unit, section',
      strict,
      serviceFact({ definition: 'd2' }),
      recordOf(strict, serviceFact()),
      'validate reload check (its section in the spec changed)',
    ],
    [
      'unit, watched',
      unit,
      serviceFact({ watched: { 'file:/a': '1' } }),
      recordOf(unit, serviceFact()),
      'restart check (file:/a changed)',
    ],
    [
      'unit, watched no more',
      unit,
      serviceFact(),
      recordOf(unit, serviceFact({ watched: { 'file:/a': '1' } })),
      'restart check (file:/a changed)',
    ],
    [
      'unit, watched while down',
      unit,
      serviceFact({ watched: { 'file:/a': '1' }, ...sick }),
      recordOf(unit, serviceFact()),
      'start check (file:/a changed)',
    ],
    // its image
    [
      'image, new image',
      image,
      { ...imageFact, image: 'i2' },
      recordOf(image, imageFact),
      'stop swap-image configure start check (its image changed)',
    ],
    [
      'image, another on disk',
      image,
      { ...imageFact, installed: 'i0' },
      recordOf(image, imageFact),
      'stop swap-image configure start check (its image is not the one in the bucket)',
    ],
    [
      'image, gone from disk',
      image,
      { ...imageFact, installed: undefined },
      recordOf(image, imageFact),
      'stop swap-image configure start check (its image is not the one in the bucket)',
    ],
    [
      'image, new image and a watched file',
      strictImage,
      { ...imageFact, image: 'i2', watched: { 'file:/a': '1' } },
      recordOf(strictImage, imageFact),
      'validate stop swap-image configure start check (file:/a, its image changed)',
    ],
    [
      'image, new image alone',
      strictImage,
      { ...imageFact, image: 'i2' },
      recordOf(strictImage, imageFact),
      'stop swap-image configure start check (its image changed)',
    ],
    [
      'image, gone from disk, and a watched file',
      strictImage,
      { ...imageFact, installed: undefined, watched: { 'file:/a': '1' } },
      recordOf(strictImage, imageFact),
      'stop swap-image configure start check (file:/a changed)',
    ],
    // its user
    [
      'image, another user',
      image,
      imageFact,
      recordOf({ ...image, user: 'former' }, imageFact),
      'stop swap-image configure start check (its user changed)',
    ],
    [
      'image, in the ledger of an older agent',
      image,
      imageFact,
      recordOf(image, imageFact, { inputs: { definition: 'definition', image: 'i1', boot: 'boot-1' } }),
      undefined,
    ],
    [
      'image, failed as another user',
      image,
      { ...imageFact, foreign: true },
      recordOf(image, imageFact, { failures: FAILURES }),
      'stop swap-image configure start check (its last activation failed)',
    ],
    // its last activation failed
    [
      'image, failed',
      image,
      imageFact,
      recordOf(image, imageFact, { failures: FAILURES }),
      'configure start check (its last activation failed)',
    ],
    [
      'unit, failed',
      strict,
      serviceFact(),
      recordOf(strict, serviceFact(), { failures: FAILURES }),
      'validate reload check (its last activation failed)',
    ],
    // refused by `validate`, it never saw what was refused
    [
      'unit, refused',
      strict,
      serviceFact(),
      recordOf(strict, serviceFact(), { failures: { ...FAILURES, reached: false } }),
      undefined,
    ],
    [
      'unit, failed the first time',
      strict,
      serviceFact(),
      { wanted: 'active', failures: FAILURES },
      'validate reload check (it was never activated here)',
    ],
    // its check fails
    ['image, sick', image, { ...imageFact, ...sick }, recordOf(image, imageFact), 'start check (its check fails)'],
    [
      'unit, sick',
      strict,
      serviceFact(sick),
      recordOf(strict, serviceFact()),
      'validate start check (its check fails)',
    ],
  ])('%s', (_moment, service, fact, record, steps) => {
    expect(planned(service, fact, record)).toBe(steps);
  });

  it('a reboot starts an image again, and leaves a unit to the system', () => {
    const boot = (service: ServiceSpec, fact: ServiceFact) =>
      serviceStep(service, fact, recordOf(service, fact), 'boot-2', new Set());
    expect(boot(image, imageFact)?.why).toBe('the boot changed');
    expect(boot(unit, serviceFact())).toBeUndefined();
  });

  it('a watched file that this plan writes activates, although its digest is not known yet', () => {
    expect(planned(unit, serviceFact(), recordOf(unit, serviceFact()), ['file:/a'])).toBe(
      'restart check (file:/a changed)',
    );
  });

  it('the step hands over what changed, with what was before', () => {
    const before = serviceFact({ watched: { 'file:/a': '1', 'package:p': '2' } });
    const after = serviceFact({ watched: { 'file:/a': '9', 'file:/b': '3' } });
    const step = serviceStep(unit, after, recordOf(unit, before), 'boot-1', new Set());
    expect(step).toMatchObject({
      changed: [
        { subject: 'file:/a', before: '1', after: '9' },
        { subject: 'file:/b', before: undefined, after: '3' },
        { subject: 'package:p', before: '2', after: undefined },
      ],
    });
  });

  it('a long why is cut', () => {
    const watched = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [`file:/${name}`, '1']));
    const step = serviceStep(unit, serviceFact({ watched }), recordOf(unit, serviceFact()), 'boot-1', new Set());
    expect(step?.why).toBe('file:/a, file:/b, file:/c and 2 more changed');
  });
});

describe('stopped and absent are positive words', () => {
  const stopped = imageService('planet', { state: 'stopped' });
  const absent = imageService('planet', { state: 'absent' });
  const down = { ...imageFact, healthy: false };
  it.each<[string, ServiceSpec, ServiceFact, SubjectRecord | undefined, boolean | undefined]>([
    ['stopped, was running', stopped, imageFact, recordOf(image, imageFact), false],
    ['stopped, never seen', stopped, down, undefined, false],
    ['stopped, done', stopped, down, activated('stopped'), undefined],
    ['stopped, done, without a check', stopped, { ...down, healthy: undefined }, activated('stopped'), undefined],
    ['stopped, somebody started it', stopped, imageFact, activated('stopped'), false],
    ['absent, was running', absent, imageFact, recordOf(image, imageFact), true],
    ['absent, was stopped', absent, down, activated('stopped'), true],
    ['absent, done', absent, { ...down, installed: undefined }, activated('absent'), undefined],
    ['absent, done, image back on disk', absent, down, activated('absent'), true],
  ])('%s', (_case, service, fact, record, remove) => {
    const step = serviceStep(service, fact, record, 'boot-1', new Set());
    expect(step?.do).toBe(remove === undefined ? undefined : 'stop-service');
    if (step) expect(step).toMatchObject({ remove, why: `the spec wants it ${service.state}` });
  });

  it('and running again after that is a first time', () => {
    expect(planned(image, { ...imageFact, healthy: false }, activated('stopped'))).toContain('never activated');
  });
});
