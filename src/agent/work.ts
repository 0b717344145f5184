import type { Snapshot } from '../bucket/snapshot.ts';
import { failed, type Ledger, type SubjectRecord, withSubjects } from '../ledger/ledger.ts';
import { asTrouble } from '../lib/errors.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Step } from '../plan/step.ts';
import type { Spec } from '../spec/spec.ts';
import { redactedTail } from '../status/redact.ts';
import type { TroubleStatus } from '../status/status.ts';
import { keepLedger, withoutLedger } from './keep-ledger.ts';
import { isRenewal, type Outcome, type Scene } from './outcome.ts';
import type { Round } from './round.ts';
import type { Done, ServiceTrouble } from './service-hands.ts';
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

/** Looks at the machine and plans what is to be done about it. */
export type Look = (ledger: Ledger) => Promise<Scene>;

export type StepOf<D extends Step['do']> = Extract<Step, { do: D }>;

/**
 * What a round has done so far: the ledger as it is on disk, what has changed, what has failed. Each part of a round does its
 * steps through it, so that timeline, ledger and status tell of every step in the same way.
 */
export class Work {
  readonly job: Job;
  readonly #look: Look;
  readonly #failures: { trouble: TroubleStatus }[] = [];
  #changed: string[] = [];
  #ledger: Ledger;
  #scene: Scene;

  private constructor(job: Job, look: Look, ledger: Ledger, scene: Scene) {
    this.job = job;
    this.#look = look;
    this.#ledger = ledger;
    this.#scene = scene;
  }

  static async open(job: Job, ledger: Ledger, look: Look): Promise<Work> {
    return new Work(job, look, ledger, await look(ledger));
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  get scene(): Scene {
    return this.#scene;
  }

  get isIdle(): boolean {
    return this.#scene.plan.steps.length === 0;
  }

  get hasFailed(): boolean {
    return this.#failures.length > 0;
  }

  outcome(): Outcome {
    return { ledger: this.#ledger, changed: this.#changed, failures: this.#failures, scene: this.#scene };
  }

  steps<D extends Step['do']>(...words: readonly D[]): StepOf<D>[] {
    const isOne = new Set<Step['do']>(words);
    return this.#scene.plan.steps.filter((step): step is StepOf<D> => isOne.has(step.do));
  }

  /** Before anything is done: can it be written down? */
  async begin(): Promise<void> {
    await this.keep(this.#ledger);
    if (!this.hasFailed) return;
    const { facts, plan } = this.#scene;
    this.#scene = { facts, plan: withoutLedger(plan) };
  }

  /** The machine has become another one: what is left to do is planned anew, without the steps that `done` names. */
  async lookAgain(done: readonly Step['do'][]): Promise<void> {
    const { facts, plan } = await this.#look(this.#ledger);
    this.#scene = { facts, plan: { ...plan, steps: plan.steps.filter((step) => !done.includes(step.do)) } };
  }

  /** Steps that succeed or fail as one: one transaction of the package manager, one swap of files. */
  async together(station: 'packages' | 'files', steps: readonly Step[], action: () => Promise<void>): Promise<boolean> {
    const [first, ...others] = steps;
    if (!first) return true;
    const subject = others.length === 0 ? first.subject : `${first.subject} and ${others.length} more`;
    try {
      await this.job.round.take(station, action, { subject, why: first.why });
      this.changed(steps);
      return true;
    } catch (error) {
      const trouble = asTrouble(error, station, first.subject);
      const output = error instanceof Error && typeof error.cause === 'string' ? error.cause : '';
      const named = trouble.subject.split(' ');
      const guilty = steps.filter((step) => others.length === 0 || named.includes(step.subject));
      await this.#failed(trouble, redactedTail(output, []), guilty);
      return false;
    }
  }

  /** A step that fails for itself alone. `secrets`: values that no output of it may show. */
  async one(
    station: 'service' | 'register',
    step: Step,
    action: () => Promise<ServiceTrouble | undefined>,
    secrets: readonly string[] = [],
  ): Promise<void> {
    const { round } = this.job;
    try {
      await round.take(station, () => action().then(throwing), { subject: step.subject, why: step.why });
      if (isRenewal(step)) round.renewed(step.subject);
      else this.changed([step]);
    } catch (error) {
      const output = error instanceof WithOutput ? error.output : '';
      const trouble = asTrouble(error instanceof WithOutput ? error.cause : error, station, step.subject);
      await this.#failed(trouble, redactedTail(output, secrets), [step]);
    }
  }

  changed(steps: readonly Step[]): void {
    this.#changed = [...this.#changed, ...steps.map(({ subject }) => subject)];
  }

  /** Files that went back to what they were: they have not changed, and wait for their next try as if they had failed. */
  async wentBack(subjects: readonly string[], code: string): Promise<void> {
    this.#changed = this.#changed.filter((subject) => !subjects.includes(subject));
    await this.#count(subjects, code);
  }

  noted({ failure, notes }: Done): ServiceTrouble | undefined {
    for (const note of notes) this.job.round.note(note);
    return failure;
  }

  /** Written down at once: killed at any moment, the next round knows what was done. */
  async record(records: readonly (readonly [string, SubjectRecord])[]): Promise<void> {
    await this.keep(withSubjects(this.#ledger, records));
  }

  async keep(ledger: Ledger): Promise<void> {
    this.#ledger = ledger;
    const trouble = await keepLedger(this.job.world, ledger);
    if (trouble && this.#failures.every((failure) => failure.trouble.code !== trouble.code))
      this.#failures.push({ trouble });
  }

  async #failed(trouble: TroubleStatus, output: string, steps: readonly Step[]): Promise<void> {
    this.#failures.push({ trouble: { ...trouble, ...(output === '' ? {} : { output }) } });
    await this.#count(
      steps.map(({ subject }) => subject),
      trouble.code,
    );
  }

  /** One failure more of each: law 2 gives them their next try, or sets the content aside. */
  async #count(subjects: readonly string[], code: string): Promise<void> {
    const { world, snapshot } = this.job;
    const now = world.clock.now();
    for (const subject of subjects) {
      const wanted = this.#ledger.subjects[subject]?.wanted ?? 'active';
      this.#ledger = failed(this.#ledger, subject, { wanted, code, content: snapshot.digest, now });
    }
    await this.keep(this.#ledger);
  }
}
