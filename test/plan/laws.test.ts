import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { FileFact } from '../../src/plan/facts.ts';
import { makePlan } from '../../src/plan/plan.ts';
import type { Plan } from '../../src/plan/step.ts';
import type { FileSpec, PackageSpec, ServiceSpec, Spec } from '../../src/spec/spec.ts';
import { carryOut, look, type ModelMachine, type ModelWorld } from '../support/model-machine.ts';
import {
  fileFact,
  fileSpec,
  jobSpec,
  ledgerOf,
  NOW,
  packageSpec,
  registerSpec,
  snapshotOf,
  specOf,
  unitService,
} from '../support/planned.ts';
import { deepFrozen, SEED } from '../support/seeded.ts';

const RUNS = 1_000;
const PACKAGES = ['nginx', 'php', 'tree'];
const PATHS = ['/etc/a', '/etc/b', '/etc/c', '/srv/d'];
const SERVICES = ['db', 'web'];

const owner = fc.constantFrom({ user: 'root', group: 'root' }, { user: 'www', group: 'www' });
const version = fc.constantFrom('1.0', '2.0', '2:2.1', '8.2.1');

const packages = fc
  .dictionary(
    fc.constantFrom(...PACKAGES),
    fc.constantFrom<PackageSpec['want']>('present', 'latest', 'absent', { version: '8.2.*' }, { version: '2.*' }),
  )
  .map((wants) => Object.entries(wants).map(([name, want]) => packageSpec(name, want)));

const files = fc
  .dictionary(
    fc.constantFrom(...PATHS),
    fc.record({
      kind: fc.constantFrom<FileSpec['kind']>('file', 'template', 'directory', 'link', 'absent'),
      mode: fc.option(fc.constantFrom(0o600, 0o755), { nil: undefined }),
      owner: fc.option(owner, { nil: undefined }),
      target: fc.constantFrom('x', '../y'),
    }),
  )
  .map((lines) => Object.entries(lines).map(([path, { kind, ...more }]) => fileSpec(path, kind, more)));

const service = fc.record({
  kind: fc.constantFrom('image', 'unit'),
  state: fc.constantFrom<ServiceSpec['state']>('running', 'running', 'stopped', 'absent'),
  watch: fc.subarray([...PATHS, ...PACKAGES.map((name) => `package:${name}`)]),
  validate: fc.constantFrom(undefined, 'true'),
  after: fc.constantFrom<ServiceSpec['then']>('reload', 'restart'),
});
const services = fc.dictionary(fc.constantFrom(...SERVICES), service).map((all) =>
  Object.entries(all).map(([id, { kind, after, ...more }]) => {
    const source =
      kind === 'image' ? ({ kind, path: `services/${id}` } as const) : ({ kind: 'unit', unit: id } as const);
    return unitService(id, { ...more, then: after, source });
  }),
);

const registrations = fc
  .dictionary(
    fc.constantFrom('balancer', 'monitor'),
    fc.record({
      down: fc.constantFrom(undefined, 'old', 'new'),
      renewMs: fc.constantFrom(undefined, 60_000, 7 * 3_600_000),
      state: fc.constantFrom('announced', 'absent'),
    }),
  )
  .map((all) => Object.entries(all).map(([id, more]) => registerSpec(id, more)));

const spec: fc.Arbitrary<Spec> = fc
  .record({
    upgrade: fc.constantFrom<Spec['upgrade']>('boot', 'never'),
    packages,
    files,
    services,
    registrations,
    jobs: fc.subarray(['one', 'two']).map((ids) => ids.map((id) => jobSpec(id))),
  })
  .map(specOf);

const snapshot = fc
  .dictionary(
    fc.constantFrom(...PATHS.map((path) => `root${path}`), ...SERVICES.map((id) => `services/${id}/bin/start`)),
    fc.constantFrom('1', '2'),
  )
  .map(snapshotOf);

const found: fc.Arbitrary<FileFact> = fc.oneof(
  fc.constantFrom<FileFact>(
    { kind: 'absent' },
    { kind: 'other' },
    { kind: 'link', target: 'x' },
    { kind: 'link', target: 'z' },
  ),
  fc
    .record({ text: fc.constantFrom('1', '2', '3'), mode: fc.constantFrom(0o644, 0o600), id: fc.constantFrom(0, 33) })
    .map(({ text, mode, id }) => fileFact(text, { mode, uid: id, gid: id })),
  fc.record({
    kind: fc.constant('directory' as const),
    mode: fc.constantFrom(0o755, 0o700),
    uid: fc.constant(0),
    gid: fc.constant(0),
  }),
);

const machine: fc.Arbitrary<ModelMachine> = fc.record({
  packages: fc.dictionary(fc.constantFrom(...PACKAGES), version),
  candidates: fc.dictionary(fc.constantFrom(...PACKAGES), version),
  files: fc.dictionary(fc.constantFrom(...PATHS), found),
  images: fc.dictionary(fc.constantFrom(...SERVICES), fc.constant('old')),
  healthy: fc.dictionary(fc.constantFrom(...SERVICES), fc.boolean()),
});

interface Life {
  readonly world: ModelWorld;
  readonly machine: ModelMachine;
  readonly ledger: Ledger;
}

/** A machine that has lived through another spec before, or nothing. */
const life: fc.Arbitrary<Life> = fc
  .record({ spec, snapshot, machine, earlier: fc.option(spec, { nil: undefined }) })
  .map(({ spec, snapshot, machine, earlier }) => {
    const world = { spec, snapshot, now: NOW };
    if (!earlier) return { world, machine, ledger: ledgerOf() };
    const past = { spec: earlier, snapshot: snapshotOf({ 'root/etc/a': 'past' }), now: NOW - 3_600_000 };
    const [lived, ledger] = carryOut(past, machine, ledgerOf(), plan(past, machine, ledgerOf()));
    return { world, machine: lived, ledger };
  });

function plan(world: ModelWorld, now: ModelMachine, ledger: Ledger): Plan {
  return makePlan(deepFrozen({ ...world, facts: look(world, now), ledger }));
}

function property(name: string, check: (life: Life) => number): void {
  it(name, () => {
    let steps = 0;
    fc.assert(
      fc.property(life, (drawn) => {
        steps += check(drawn);
      }),
      { seed: SEED, numRuns: RUNS },
    );
    console.log(`${name}: seed ${SEED}, ${RUNS} lives, ${steps} steps`);
    expect(steps).toBeGreaterThan(RUNS);
  }, 60_000);
}

property('law 1: when a plan has been carried out, there is nothing left to do', ({ world, machine, ledger }) => {
  const first = plan(world, machine, ledger);
  const [after, written] = carryOut(world, machine, ledger, first);
  const second = plan(world, after, written);
  expect(second.steps).toEqual([]);
  // What was refused is named, and it alone.
  const refused = first.steps.filter(({ subject }) => written.subjects[subject]?.failures);
  expect(second.waiting.map(({ subject }) => subject).sort()).toEqual(
    [...refused, ...first.waiting].map(({ subject }) => subject).sort(),
  );
  return first.steps.length;
});

property('law 3: nothing is removed or stopped without a positive word for it', ({ world, machine, ledger }) => {
  const { steps } = plan(world, machine, ledger);
  const { spec, snapshot } = world;
  for (const step of steps) {
    if (step.do === 'remove-package') expect(spec.packages).toContainEqual(packageSpec(step.name, 'absent'));
    if (step.do === 'remove-file') {
      expect(spec.files.find(({ path }) => path === step.path)?.kind).toBe('absent');
      expect(['file', 'link']).toContain(machine.files[step.path]?.kind);
    }
    if (step.do === 'stop-service') {
      const state = spec.services.find(({ id }) => id === step.service)?.state;
      expect(state).toBe(step.remove ? 'absent' : 'stopped');
    }
    if (step.do === 'activate-service' && step.phases.includes('stop')) expect(step.phases).toContain('swap-image');
    if (step.do === 'withdraw') {
      expect(spec.registrations.find(({ id }) => id === step.registration)?.state).toBe('absent');
    }
    if (step.do === 'write-file') expect(snapshot.entries.map(({ path }) => path)).toContain(`root${step.path}`);
  }
  return steps.length;
});

property('law 3: an empty bucket and an empty spec ask for nothing', ({ world, machine, ledger }) => {
  const nothing = { spec: specOf(), snapshot: snapshotOf(), now: NOW };
  expect(plan(nothing, machine, ledger)).toEqual({ steps: [], waiting: [] });
  return plan(world, machine, ledger).steps.length;
});

property('law 11: the same input gives the same plan, and is not changed', ({ world, machine, ledger }) => {
  const first = plan(world, machine, ledger); // frozen to the last leaf: a change would throw
  expect(plan(structuredClone(world), structuredClone(machine), structuredClone(ledger))).toEqual(first);
  return first.steps.length;
});

property('every subject has one step at most, and a why', ({ world, machine, ledger }) => {
  const { steps } = plan(world, machine, ledger);
  expect(new Set(steps.map(({ subject }) => subject)).size).toBe(steps.length);
  for (const { why } of steps) expect(why).toMatch(/^\S.*\S$/);
  return steps.length;
});
