/**
 * A machine as the planner imagines one: what each step of a plan does to it, in a few lines. Tests of law 1 plan, apply the
 * plan to this, look again and plan again. It is not the real hand (src/apply): those tests have real files.
 */
import { renewalPeriods } from '../../src/apply/registrations.ts';
import type { Snapshot } from '../../src/bucket/snapshot.ts';
import { activated, failed, type Ledger, withoutSubject, withSubjects } from '../../src/ledger/ledger.ts';
import { sha256 } from '../../src/lib/digest.ts';
import type { Facts, FileFact } from '../../src/plan/facts.ts';
import { serviceInputs } from '../../src/plan/services.ts';
import type { Plan, Step } from '../../src/plan/step.ts';
import { wantedFiles } from '../../src/plan/wanted-files.ts';
import type { ServiceSpec, Spec } from '../../src/spec/spec.ts';

export interface ModelMachine {
  readonly packages: Readonly<Record<string, string>>;
  readonly candidates: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, FileFact>>;
  readonly images: Readonly<Record<string, string>>;
  /** By service; missing: it has no check. */
  readonly healthy: Readonly<Record<string, boolean>>;
}

export interface ModelWorld {
  readonly spec: Spec;
  readonly snapshot: Snapshot;
  readonly now: number;
}

const IDS: Record<string, number> = { root: 0, www: 33 };

/** As apply/observe.ts looks: `watch` holds plain paths and `package:NAME` here. */
export function look({ spec, snapshot, now }: ModelWorld, machine: ModelMachine): Facts {
  const rendered = Object.fromEntries(
    spec.files
      .filter(({ kind, path }) => kind === 'template' && snapshot.entries.some((entry) => entry.path === `root${path}`))
      .map(({ path }) => [path, { sha256: sha256(`rendered ${path}`), size: 9 }]),
  );
  const wanted = wantedFiles(spec, snapshot, rendered).map(({ path }) => path);
  const names = [...spec.packages.map(({ name }) => name), ...spec.services.flatMap(packagesOf)];
  const fact = (name: string) => ({ installed: machine.packages[name], candidate: machine.candidates[name] });
  return {
    bootId: 'boot-1',
    packages: Object.fromEntries(names.map((name) => [name, fact(name)])),
    files: Object.fromEntries(wanted.map((path) => [path, machine.files[path] ?? { kind: 'absent' }])),
    users: IDS,
    groups: IDS,
    rendered,
    services: Object.fromEntries(
      spec.services.map((service) => [
        service.id,
        {
          definition: sha256(JSON.stringify(service)),
          image: service.source.kind === 'image' ? imageOf(snapshot, service.source.path) : undefined,
          installed: machine.images[service.id],
          healthy: machine.healthy[service.id],
          watched: watched(service, machine),
          watchedPaths: wanted.filter((path) => service.watch.includes(path)),
        },
      ]),
    ),
    registrations: Object.fromEntries(spec.registrations.map((each) => [each.id, sha256(JSON.stringify(each))])),
    periods: renewalPeriods(spec, 'i-1', now),
    jobs: Object.fromEntries(spec.jobs.map((job) => [job.id, sha256(JSON.stringify(job))])),
  };
}

/** Every step carried out; what a real hand refuses (something else in its place) fails and goes into the ledger. */
export function carryOut(world: ModelWorld, before: ModelMachine, ledger: Ledger, plan: Plan): [ModelMachine, Ledger] {
  const machine = {
    ...before,
    packages: { ...before.packages },
    files: { ...before.files },
    images: { ...before.images },
    healthy: { ...before.healthy },
  };
  let after = ledger;
  for (const step of plan.steps) {
    const service = world.spec.services.find(({ id }) => `service:${id}` === step.subject);
    if (!acted(step, machine, look(world, machine))) {
      const failure = { wanted: 'x', code: 'path-occupied', content: world.snapshot.digest, now: world.now };
      after = failed(after, step.subject, failure);
    } else if (step.do === 'upgrade-packages') after = { ...after, upgraded: true };
    else if (step.do === 'activate-service' && service) {
      const facts = look(world, machine);
      const inputs = serviceInputs(service, facts.services[service.id]!, facts.bootId);
      after = withSubjects(after, [[step.subject, { ...activated('running'), inputs }]]);
    } else if (step.do === 'register') {
      const { registrations, periods } = look(world, machine);
      const { down, user, timeoutMs } = world.spec.registrations.find(({ id }) => id === step.registration)!;
      const period = periods[step.registration];
      const announced = { user, timeoutMs, ...(period ? { period } : {}), ...(down ? { down } : {}) };
      after = withSubjects(after, [[step.subject, { ...activated(registrations[step.registration]!), announced }]]);
    } else if (step.do === 'withdraw') after = withoutSubject(after, step.subject);
    else {
      const wanted = service?.state ?? look(world, machine).jobs[step.subject.slice('job:'.length)] ?? 'done';
      after = withSubjects(after, [[step.subject, activated(wanted)]]);
    }
  }
  return [machine, after];
}

type Mutable = { -readonly [K in keyof ModelMachine]: { -readonly [P in keyof ModelMachine[K]]: ModelMachine[K][P] } };

function acted(step: Step, machine: Mutable, facts: Facts): boolean {
  switch (step.do) {
    case 'install-package':
      machine.packages[step.name] =
        step.version?.replaceAll('*', '1') ?? (step.latest ? machine.candidates[step.name] : undefined) ?? '1.0';
      return true;
    case 'remove-package':
      delete machine.packages[step.name];
      return true;
    case 'write-file': {
      if (isOccupied(machine.files[step.path], ['directory', 'other'])) return false;
      const { sha256, size, mode, owner } = step;
      machine.files[step.path] = { kind: 'file', sha256, size, mode, uid: IDS[owner.user]!, gid: IDS[owner.group]! };
      return true;
    }
    case 'make-directory':
      if (isOccupied(machine.files[step.path], ['file', 'link', 'other'])) return false;
      machine.files[step.path] = {
        kind: 'directory',
        mode: step.mode,
        uid: IDS[step.owner.user]!,
        gid: IDS[step.owner.group]!,
      };
      return true;
    case 'link':
      if (isOccupied(machine.files[step.path], ['directory', 'other'])) return false;
      machine.files[step.path] = { kind: 'link', target: step.target };
      return true;
    case 'remove-file':
      delete machine.files[step.path];
      return true;
    case 'activate-service': {
      const image = facts.services[step.service]?.image;
      if (step.phases.includes('swap-image') && image !== undefined) machine.images[step.service] = image;
      if (machine.healthy[step.service] !== undefined) machine.healthy[step.service] = true;
      return true;
    }
    case 'stop-service':
      if (machine.healthy[step.service] !== undefined) machine.healthy[step.service] = false;
      if (step.remove) delete machine.images[step.service];
      return true;
    default:
      return true;
  }
}

function isOccupied(fact: FileFact | undefined, by: readonly FileFact['kind'][]): boolean {
  return fact !== undefined && by.includes(fact.kind);
}

function watched(service: ServiceSpec, machine: ModelMachine): Record<string, string> {
  const found: Record<string, string> = {};
  for (const path of service.watch.filter((item) => item.startsWith('/'))) {
    const fact = machine.files[path];
    if (fact?.kind === 'file') found[`file:${path}`] = fact.sha256;
    if (fact?.kind === 'link') found[`file:${path}`] = `link ${fact.target}`;
  }
  for (const name of packagesOf(service)) found[`package:${name}`] = machine.packages[name] ?? '';
  return found;
}

function packagesOf(service: ServiceSpec): string[] {
  return service.watch.filter((item) => item.startsWith('package:')).map((item) => item.slice('package:'.length));
}

function imageOf(snapshot: Snapshot, path: string): string {
  const lines = snapshot.entries.filter((entry) => entry.path.startsWith(`${path}/`)).map((entry) => entry.sha256);
  return sha256(lines.join());
}
