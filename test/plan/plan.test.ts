import { describe, expect, it } from 'vitest';
import { activated, failed, withSubjects } from '../../src/ledger/ledger.ts';
import { makePlan } from '../../src/plan/plan.ts';
import { serviceInputs } from '../../src/plan/services.ts';
import * as made from '../support/planned.ts';

const { NOW, factsOf, fileFact, fileSpec, imageService, inputOf, jobSpec, ledgerOf } = made;
const { packageSpec, serviceFact, snapshotOf, specOf, unitService } = made;

const web = unitService('web', { watch: ['/etc/web/**', 'package:nginx'] });
const strict = unitService('strict', { validate: 'true', watch: ['/etc/web/**'] });
const snapshot = snapshotOf({ 'root/etc/web/a': 'new', 'root/etc/motd': 'new' });
const watching = (more = {}) => serviceFact({ watchedPaths: ['/etc/web/a'], ...more });
const words = (input: Parameters<typeof makePlan>[0]) =>
  makePlan(input).steps.map((step) => `${step.do} ${step.subject}`);

describe('a plan', () => {
  it('goes packages, files, services, jobs; what is removed goes before what is installed', () => {
    const spec = specOf({
      upgrade: 'boot',
      packages: [packageSpec('nginx', 'present'), packageSpec('apache2', 'absent'), packageSpec('tree', 'latest')],
      files: [fileSpec('/etc/web', 'directory')],
      services: [web],
      jobs: [jobSpec('refresh')],
    });
    const packages = { apache2: { installed: '2', candidate: undefined } };
    const facts = factsOf({ packages, services: { web: watching() }, jobs: { refresh: 'j' } });
    expect(words(inputOf({ spec, snapshot, facts }))).toEqual([
      'upgrade-packages package:*',
      'remove-package package:apache2',
      'install-package package:nginx',
      'install-package package:tree',
      'write-file file:/etc/motd',
      'make-directory file:/etc/web',
      'write-file file:/etc/web/a',
      'activate-service service:web',
      'schedule-job job:refresh',
    ]);
  });

  it.each([
    ['boot', false, ['upgrade-packages package:*']],
    ['boot', true, []],
    ['never', false, []],
  ] as const)('upgrade = %s, upgraded before: %s', (upgrade, upgraded, steps) => {
    expect(words(inputOf({ spec: specOf({ upgrade }), ledger: ledgerOf({ upgraded }) }))).toEqual(steps);
  });

  it('is empty for a service that was not looked at', () => {
    expect(words(inputOf({ spec: specOf({ services: [web] }) }))).toEqual([]);
  });

  it('holds a file for the running services that validate what they watch', () => {
    const stopped = unitService('stopped', { validate: 'true', state: 'stopped' });
    const facts = factsOf({ services: { web: watching(), strict: watching(), stopped: watching() } });
    const { steps } = makePlan(inputOf({ spec: specOf({ services: [web, strict, stopped] }), snapshot, facts }));
    expect(steps[0]).toMatchObject({ subject: 'file:/etc/motd', heldFor: [] });
    expect(steps[1]).toMatchObject({ subject: 'file:/etc/web/a', heldFor: ['strict'] });
  });

  it.each([
    ['never scheduled', undefined, 'it is not scheduled yet'],
    ['as it was', activated('j1'), undefined],
    ['changed', activated('j0'), 'its section in the spec changed'],
  ])('schedules a job that is %s', (_case, record, why) => {
    const ledger = ledgerOf(record ? { subjects: { 'job:refresh': record } } : {});
    const facts = factsOf({ jobs: { refresh: 'j1' } });
    const { steps } = makePlan(inputOf({ spec: specOf({ jobs: [jobSpec('refresh')] }), facts, ledger }));
    expect(steps[0]?.why).toBe(why);
  });
});

describe('law 2: what failed is tried again, but not at once', () => {
  const spec = specOf({ services: [web, imageService('planet')] });
  const facts = factsOf({
    files: { '/etc/web/a': fileFact('old'), '/etc/motd': fileFact('new') },
    services: { web: watching(), planet: serviceFact({ image: 'i1', installed: 'i1' }) },
  });
  const active = withSubjects(ledgerOf(), [
    ['service:web', { ...activated('running'), inputs: serviceInputs(web, watching(), 'boot-1') }],
    [
      'service:planet',
      { ...activated('running'), inputs: serviceInputs(spec.services[1]!, facts.services['planet']!, 'boot-1') },
    ],
  ]);
  const failing = (subject: string, content: string) =>
    failed(active, subject, { wanted: 'w', code: 'oops', content, now: NOW });
  const at = (now: number, subject: string, content = snapshot.digest) =>
    makePlan(inputOf({ spec, snapshot, facts, ledger: failing(subject, content), now }));

  it('a subject in its pause is left out and named; what watches it is left alone; the others go on', () => {
    const plan = at(NOW + 1_000, 'file:/etc/web/a');
    expect(plan).toEqual({
      steps: [],
      waiting: [{ subject: 'file:/etc/web/a', code: 'oops', failures: 1, nextTry: NOW + 5_000 }],
    });
    expect(at(NOW + 1_000, 'service:planet').steps.map(({ subject }) => subject)).toEqual([
      'file:/etc/web/a',
      'service:web',
    ]);
  });

  it('when the pause is over it is tried', () => {
    const plan = at(NOW + 5_000, 'file:/etc/web/a');
    expect(plan.steps.map(({ subject }) => subject)).toEqual(['file:/etc/web/a', 'service:web']);
    expect(plan.waiting).toEqual([]);
  });

  it('what is watched together waits together: half a configuration is one that nobody wrote', () => {
    const [a, b] = ['/etc/web/a', '/etc/web/b'];
    const both = snapshotOf({ 'root/etc/web/a': 'new', 'root/etc/web/b': 'new', 'root/etc/motd': 'new' });
    const seen = factsOf({ files: {}, services: { web: serviceFact({ watchedPaths: [a, b] }) } });
    const ledger = failing('file:/etc/web/a', both.digest);
    const input = inputOf({ spec: specOf({ services: [web] }), snapshot: both, facts: seen, ledger, now: NOW });
    expect(words(input)).toEqual(['write-file file:/etc/motd']);
    const pause = { code: 'oops', failures: 1, nextTry: NOW + 5_000 };
    expect(makePlan(input).waiting).toEqual([a, b].map((path) => ({ subject: `file:${path}`, ...pause })));
    expect(words({ ...input, now: NOW + 5_000 })).toHaveLength(4);
  });

  it('a file waits for the service that has to accept it', () => {
    const seen = factsOf({ files: { '/etc/motd': fileFact('new') }, services: { strict: watching() } });
    const known = serviceInputs(strict, watching(), 'boot-1');
    const running = withSubjects(ledgerOf(), [['service:strict', { ...activated('running'), inputs: known }]]);
    const ledger = failed(running, 'service:strict', { wanted: 'w', code: 'oops', content: snapshot.digest, now: NOW });
    const input = inputOf({ spec: specOf({ services: [strict] }), snapshot, facts: seen, ledger, now: NOW });
    expect(words(input)).toEqual([]);
    expect(makePlan(input).waiting.map(({ subject }) => subject)).toContain('file:/etc/web/a');
    expect(words({ ...input, now: NOW + 5_000 })).toEqual([
      'write-file file:/etc/web/a',
      'activate-service service:strict',
    ]);
  });

  it('other content is tried at once', () => {
    expect(at(NOW, 'file:/etc/web/a', 'other').steps).toHaveLength(2);
  });

  it('a failed activation is tried again although the bytes match', () => {
    const same = { ...facts, files: { ...facts.files, '/etc/web/a': fileFact('new') } };
    const ledger = failing('service:web', snapshot.digest);
    const { steps } = makePlan(inputOf({ spec, snapshot, facts: same, ledger, now: NOW + 5_000 }));
    expect(steps).toMatchObject([{ subject: 'service:web', why: 'its last activation failed' }]);
  });

  it('what failed once and is as wanted now is neither done nor waited for', () => {
    const same = { ...facts, files: { ...facts.files, '/etc/web/a': fileFact('new') } };
    const ledger = failing('file:/etc/web/a', snapshot.digest);
    expect(makePlan(inputOf({ spec, snapshot, facts: same, ledger, now: NOW }))).toEqual({ steps: [], waiting: [] });
  });
});
