import { dirname } from 'node:path';
import { readAccounts } from '../apply/accounts.ts';
import { inputsNow } from '../apply/observe.ts';
import type { Snapshot } from '../bucket/snapshot.ts';
import { activated, failed, type Ledger, type SubjectRecord, withSubjects } from '../ledger/ledger.ts';
import { asTrouble } from '../lib/errors.ts';
import type { Identity } from '../metadata/provider.ts';
import { serviceInputs } from '../plan/services.ts';
import type { FileStep, Step } from '../plan/step.ts';
import type { ServiceSpec, Spec } from '../spec/spec.ts';
import { redactedTail } from '../status/redact.ts';
import type { TroubleStatus } from '../status/status.ts';
import { keepLedger, withoutLedger } from './keep-ledger.ts';
import { isAnnouncement, isRenewal, type Outcome, type Scene } from './outcome.ts';
import type { Round } from './round.ts';
import type { Done, ServiceTrouble } from './service-hands.ts';
import { swapFiles } from './swap-files.ts';
import { throwing, WithOutput } from './with-output.ts';
import type { World } from './world.ts';

/** What a round works on, from the moment it knows what is wanted. */
export interface Job {
  readonly world: World;
  readonly round: Round;
  readonly identity: Identity;
  readonly spec: Spec;
  readonly snapshot: Snapshot;
}

type StepOf<D extends Step['do']> = Extract<Step, { do: D }>;

/**
 * Does what the plan says: packages, files, services, jobs, registrations. Packages bring files, users and running daemons with them, so after
 * them the machine is looked at again and the rest is planned anew. A package or file that fails ends the round, because what
 * follows stands on it; a service that fails does not keep the others from their turn. The ledger is on disk after each part.
 */
export async function carryOut(job: Job, ledger: Ledger, look: (ledger: Ledger) => Promise<Scene>): Promise<Outcome> {
  const hand = new Hand(job, ledger, await look(ledger));
  if (hand.isIdle()) return hand.outcome();
  await hand.begin();
  const installs = hand.hasPackageSteps();
  if (!(await hand.packages())) return hand.outcome();
  if (installs) await hand.lookAgain(look);
  if (!(await hand.files())) return hand.outcome();
  await hand.services();
  await hand.jobs();
  await hand.registrations();
  return hand.outcome();
}

const PACKAGE_STEPS = new Set<Step['do']>(['upgrade-packages', 'remove-package', 'install-package']);

class Hand {
  readonly #job: Job;
  readonly #changed: string[] = [];
  readonly #failures: { trouble: TroubleStatus }[] = [];
  #ledger: Ledger;
  #scene: Scene;

  constructor(job: Job, ledger: Ledger, scene: Scene) {
    this.#job = job;
    this.#ledger = ledger;
    this.#scene = scene;
  }

  /** Before anything is done: can it be written down? */
  async begin(): Promise<void> {
    await this.#keep(this.#ledger);
    if (this.#failures.length === 0) return;
    const { facts, plan } = this.#scene;
    this.#scene = { facts, plan: withoutLedger(plan) };
  }

  isIdle(): boolean {
    return this.#scene.plan.steps.length === 0;
  }

  hasPackageSteps(): boolean {
    return this.#scene.plan.steps.some((step) => PACKAGE_STEPS.has(step.do));
  }

  async lookAgain(look: (ledger: Ledger) => Promise<Scene>): Promise<void> {
    const { facts, plan } = await look(this.#ledger);
    this.#scene = { facts, plan: { ...plan, steps: plan.steps.filter((step) => !PACKAGE_STEPS.has(step.do)) } };
  }

  outcome(): Outcome {
    return { ledger: this.#ledger, changed: this.#changed, failures: this.#failures, scene: this.#scene };
  }

  async packages(): Promise<boolean> {
    const { packages } = this.#job.world.eyes;
    const [upgrade] = this.#steps('upgrade-packages');
    if (upgrade && !(await this.#together('packages', [upgrade], () => packages.upgrade()))) return false;
    if (upgrade) await this.#keep({ ...this.#ledger, upgraded: true });

    const removals = this.#steps('remove-package');
    const names = removals.map(({ name }) => name);
    if (!(await this.#together('packages', removals, () => packages.remove(names)))) return false;

    const installs = this.#steps('install-package');
    return await this.#together('packages', installs, () => packages.install(installs));
  }

  async files(): Promise<boolean> {
    const { world } = this.#job;
    const steps = this.#scene.plan.steps.filter((step): step is FileStep => FILE_STEPS.has(step.do));
    if (steps.length === 0) return true;
    const before = this.#ledger;
    return await this.#together('files', steps, async () => {
      const accounts = await readAccounts(world.paths.root);
      // Where something half-made may stand if we are killed now: swept at the next start.
      await world.state.writeOther('staging.json', [...new Set(steps.map(({ path }) => dirname(path)))]);
      await swapFiles(world.files, accounts, steps, before, (ledger) => this.#keep(ledger));
    });
  }

  async services(): Promise<void> {
    const { spec } = this.#job;
    for (const step of this.#scene.plan.steps) {
      if (step.do !== 'activate-service' && step.do !== 'stop-service') continue;
      if (this.#job.world.presence.isLeaving) return; // nobody starts what is being stopped
      const service = spec.services.find(({ id }) => id === step.service);
      if (!service) continue;
      const action = step.do === 'stop-service' ? () => this.#stop(step, service) : () => this.#activate(step, service);
      await this.#one(step, 'service', Object.values(service.custom), action);
    }
  }

  async jobs(): Promise<void> {
    const steps = this.#steps('schedule-job');
    if (steps.length === 0) return;
    const { facts } = this.#scene;
    const records = steps.map(({ subject, job }): [string, SubjectRecord] => [
      subject,
      activated(facts.jobs[job] ?? ''),
    ]);
    await this.#keep(withSubjects(this.#ledger, records));
    this.#changed.push(...steps.map(({ subject }) => subject));
  }

  /** A machine announces itself when all of it is well, and not before. */
  async registrations(): Promise<void> {
    const { world, spec } = this.#job;
    const { facts, plan } = this.#scene;
    if (this.#failures.length > 0 || plan.waiting.some(({ subject }) => !isAnnouncement(subject))) return;
    for (const step of plan.steps) {
      if (step.do !== 'register' && step.do !== 'withdraw') continue;
      if (world.presence.isLeaving) return;
      await this.#one(step, 'register', [], async () => {
        const { ledger, ...done } = await world.registrar.take(step, { spec, facts, ledger: this.#ledger });
        await this.#keep(ledger);
        return this.#noted(done);
      });
    }
  }

  async #activate(step: StepOf<'activate-service'>, service: ServiceSpec): Promise<ServiceTrouble | undefined> {
    const { world, identity, snapshot } = this.#job;
    const { facts } = this.#scene;
    if (step.phases.includes('validate')) {
      const refused = await world.services.validate(service);
      if (refused) {
        await this.#putBack(service, refused.trouble.code);
        return refused;
      }
    }
    const failure = this.#noted(await world.services.activate(step, service, snapshot, identity));
    if (failure) return failure;
    const fact = facts.services[service.id];
    if (!fact) return undefined;
    // Looked at again: what it was activated with is what is there now, not what was planned.
    const watched = await inputsNow(world.eyes, service);
    const inputs = serviceInputs(service, { ...fact, watched }, facts.bootId);
    const accepted = this.#watchedRecords(service).map(
      ([subject, { previous: _, ...rest }]) => [subject, rest] as const,
    );
    const record: SubjectRecord = { ...activated(service.state), inputs };
    await this.#keep(withSubjects(this.#ledger, [...accepted, [step.subject, record]]));
    return undefined;
  }

  async #stop(step: StepOf<'stop-service'>, service: ServiceSpec): Promise<ServiceTrouble | undefined> {
    const failure = this.#noted(await this.#job.world.services.stop(service, step.remove));
    if (!failure) await this.#keep(withSubjects(this.#ledger, [[step.subject, activated(service.state)]]));
    return failure;
  }

  #noted({ failure, notes }: Done): ServiceTrouble | undefined {
    for (const note of notes) this.#job.round.note(note);
    return failure;
  }

  /** The files that a service refused go back before it sees them; they wait with it for the next try. */
  async #putBack(service: ServiceSpec, code: string): Promise<void> {
    const { world, snapshot } = this.#job;
    const now = world.clock.now();
    for (const [subject, { previous, wanted }] of this.#watchedRecords(service)) {
      if (!previous) continue;
      await world.files.restore(subject.slice('file:'.length), previous);
      const at = this.#changed.indexOf(subject);
      if (at >= 0) this.#changed.splice(at, 1);
      this.#ledger = failed(this.#ledger, subject, { wanted, code, content: snapshot.digest, now });
    }
    await this.#keep(this.#ledger);
  }

  #watchedRecords(service: ServiceSpec): [string, SubjectRecord][] {
    const paths = this.#scene.facts.services[service.id]?.watchedPaths ?? [];
    return paths.flatMap((path): [string, SubjectRecord][] => {
      const record = this.#ledger.subjects[`file:${path}`];
      return record ? [[`file:${path}`, record]] : [];
    });
  }

  /** Steps that succeed or fail as one: one transaction of the package manager, one swap of files. */
  async #together(step: string, steps: readonly Step[], action: () => Promise<void>): Promise<boolean> {
    if (steps.length === 0) return true;
    const [first] = steps;
    const about = { subject: steps.length === 1 ? first!.subject : `${first!.subject} and ${steps.length - 1} more` };
    try {
      await this.#job.round.take(step, action, { ...about, why: first!.why });
      const done = steps.filter(({ do: word }) => !FILE_STEPS.has(word));
      const records = done.map(({ subject }): [string, SubjectRecord] => [subject, activated('done')]);
      if (records.length > 0) await this.#keep(withSubjects(this.#ledger, records));
      this.#changed.push(...steps.map(({ subject }) => subject));
      return true;
    } catch (error) {
      const trouble = asTrouble(error, step, first!.subject);
      const output = error instanceof Error && typeof error.cause === 'string' ? error.cause : '';
      await this.#fail(
        steps.filter(({ subject }) => steps.length === 1 || trouble.subject.split(' ').includes(subject)),
        trouble.code,
      );
      this.#failures.push({ trouble: { ...trouble, ...(output === '' ? {} : { output: redactedTail(output, []) }) } });
      return false;
    }
  }

  async #one(
    step: Step,
    station: 'service' | 'register',
    secrets: readonly string[],
    action: () => Promise<ServiceTrouble | undefined>,
  ): Promise<void> {
    const { round } = this.#job;
    try {
      await round.take(station, () => action().then(throwing), { subject: step.subject, why: step.why });
      if (isRenewal(step)) round.renewed(step.subject);
      else this.#changed.push(step.subject);
    } catch (error) {
      const output = error instanceof WithOutput ? error.output : '';
      const trouble = asTrouble(error instanceof WithOutput ? error.cause : error, station, step.subject);
      const tail = redactedTail(output, secrets);
      this.#failures.push({ trouble: { ...trouble, ...(tail === '' ? {} : { output: tail }) } });
      await this.#fail([step], trouble.code);
    }
  }

  async #fail(steps: readonly Step[], code: string): Promise<void> {
    const { world, snapshot } = this.#job;
    for (const { subject } of steps) {
      const wanted = this.#ledger.subjects[subject]?.wanted ?? 'active';
      const now = world.clock.now();
      this.#ledger = failed(this.#ledger, subject, { wanted, code, content: snapshot.digest, now });
    }
    await this.#keep(this.#ledger);
  }

  #steps<D extends Step['do']>(word: D): StepOf<D>[] {
    return this.#scene.plan.steps.filter((step): step is StepOf<D> => step.do === word);
  }

  async #keep(ledger: Ledger): Promise<void> {
    this.#ledger = ledger;
    const trouble = await keepLedger(this.#job.world, ledger);
    if (trouble && this.#failures.every((failure) => failure.trouble.code !== trouble.code))
      this.#failures.push({ trouble });
  }
}

const FILE_STEPS = new Set<Step['do']>(['write-file', 'make-directory', 'link', 'remove-file']);
