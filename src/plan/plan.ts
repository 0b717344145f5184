import type { Snapshot } from '../bucket/snapshot.ts';
import { isDue, type Ledger } from '../ledger/ledger.ts';
import type { Spec } from '../spec/spec.ts';
import type { Facts, ServiceFact } from './facts.ts';
import { fileStep } from './files.ts';
import { packageStep } from './packages.ts';
import { registerSteps } from './registrations.ts';
import { serviceStep } from './services.ts';
import type { Plan, Step, Waiting } from './step.ts';
import { keepTogether } from './together.ts';
import { wantedFiles } from './wanted-files.ts';

export interface PlanInput {
  readonly spec: Spec;
  readonly snapshot: Snapshot;
  readonly facts: Facts;
  readonly ledger: Ledger;
  /** Wall clock, milliseconds; only for back-off. */
  readonly now: number;
}

/**
 * From facts to spec, in order: packages, files, services, jobs, registrations. Law 11: no I/O, no clock, no chance; the same input gives
 * the same plan, and a machine that is as wanted gives none.
 */
export function makePlan(input: PlanInput): Plan {
  const first = keepTogether(holdBack([...packageSteps(input), ...fileSteps(input)], input), input);
  // A file that waits for its next try is not written: it is no reason to touch the service that watches it.
  const services = serviceSteps(input, first.steps);
  const then = holdBack([...services, ...jobSteps(input), ...registerSteps(input)], input);
  return { steps: [...first.steps, ...then.steps], waiting: [...first.waiting, ...then.waiting] };
}

function packageSteps({ spec, facts, ledger }: PlanInput): Step[] {
  const steps: Step[] = [];
  if (spec.upgrade === 'boot' && !ledger.upgraded) {
    steps.push({ subject: 'package:*', why: 'first boot: security fixes come first', do: 'upgrade-packages' });
  }
  const found = spec.packages.map((wanted) => {
    return packageStep(wanted, facts.packages[wanted.name] ?? { installed: undefined, candidate: undefined });
  });
  const needed = found.filter((step) => step !== undefined);
  // Removals first: what is removed often holds the port or the path of what is installed.
  const removals = needed.filter((step) => step.do === 'remove-package');
  return [...steps, ...removals, ...needed.filter((step) => step.do !== 'remove-package')];
}

function fileSteps({ spec, snapshot, facts }: PlanInput): Step[] {
  const holders = new Map<string, string[]>();
  for (const service of spec.services) {
    if (service.validate === undefined || service.state !== 'running') continue;
    for (const path of facts.services[service.id]?.watchedPaths ?? []) {
      holders.set(path, [...(holders.get(path) ?? []), service.id]);
    }
  }
  return wantedFiles(spec, snapshot, facts.rendered)
    .map((wanted) => fileStep(wanted, facts, holders.get(wanted.path) ?? []))
    .filter((step) => step !== undefined);
}

function serviceSteps({ spec, facts, ledger }: PlanInput, before: readonly Step[]): Step[] {
  const acted = new Set(before.map(({ subject }) => subject));
  const steps: Step[] = [];
  for (const service of spec.services) {
    const seen = facts.services[service.id];
    if (!seen) continue;
    const fact = foreseen(seen, before);
    const watches = [
      ...fact.watchedPaths.map((path) => `file:${path}`),
      ...service.watch.filter((w) => w.startsWith('package:')),
    ];
    const touched = new Set(watches.filter((subject) => acted.has(subject)));
    const step = serviceStep(service, fact, ledger.subjects[`service:${service.id}`], facts.bootId, touched);
    if (step) steps.push(step);
  }
  return steps;
}

/** What the service will find when its turn comes: the files of this plan are in place by then. */
function foreseen(fact: ServiceFact, before: readonly Step[]): ServiceFact {
  const paths = new Set(fact.watchedPaths);
  const watched = { ...fact.watched };
  for (const step of before) {
    if (!('path' in step) || !paths.has(step.path)) continue;
    if (step.do === 'write-file') watched[step.subject] = step.sha256;
    if (step.do === 'link') watched[step.subject] = `link ${step.target}`;
    if (step.do === 'remove-file') delete watched[step.subject];
  }
  return { ...fact, watched };
}

function jobSteps({ spec, facts, ledger }: PlanInput): Step[] {
  return spec.jobs
    .filter((job) => ledger.subjects[`job:${job.id}`]?.activated !== facts.jobs[job.id])
    .map((job) => {
      const known = ledger.subjects[`job:${job.id}`] !== undefined;
      const why = known ? 'its section in the spec changed' : 'it is not scheduled yet';
      return { subject: `job:${job.id}`, why, do: 'schedule-job', job: job.id };
    });
}

/** Law 2: what failed is tried again, but not at once. A subject in its pause is left out and named. */
function holdBack(steps: readonly Step[], { snapshot, ledger, now }: PlanInput): Plan {
  const due: Step[] = [];
  const waiting: Waiting[] = [];
  for (const step of steps) {
    const record = ledger.subjects[step.subject];
    if (!record?.failures || isDue(record, snapshot.digest, now)) {
      due.push(step);
    } else {
      const { code, count, nextTry } = record.failures;
      waiting.push({ subject: step.subject, code, failures: count, nextTry });
    }
  }
  return { steps: due, waiting };
}
