import { isSetAside, type Ledger } from '../ledger/ledger.ts';
import { asTrouble, type Trouble } from '../lib/errors.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Plan } from '../plan/step.ts';
import type { Mistake, Spec } from '../spec/spec.ts';
import type { MistakeStatus, ServiceStatus, Status, TroubleStatus } from '../status/status.ts';
import { Timeline } from '../status/timeline.ts';
import type { Outcome } from './outcome.ts';
import { SpecRefused, type Wanted } from './wanted.ts';
import type { World } from './world.ts';

/** One run of `converge`, as it is told afterwards. */
export class Round {
  identity: Identity | undefined;
  /** As it was before the round. */
  ledger: Ledger | undefined;
  readonly #world: World;
  readonly #timeline: Timeline;
  readonly #startedAt: number;
  readonly #costBefore: { readonly requests: number; readonly bytes: number };
  #wanted: Wanted | undefined;
  #bucketDigest: string | undefined;
  #setAside: Status['content']['setAside'];
  #services: readonly ServiceStatus[] = [];
  #outcome: Outcome | undefined;
  readonly #subjects = new Set<string>();
  #waiting: Plan['waiting'] = [];
  #trouble: TroubleStatus | undefined;
  #mistakes: readonly Mistake[] = [];
  #notes: string[] = [];

  constructor(world: World) {
    this.#world = world;
    this.#timeline = new Timeline(world.clock, world.onStep);
    this.#startedAt = world.clock.now();
    this.#costBefore = world.store.cost();
  }

  take<T>(step: string, action: () => Promise<T>, about: { subject?: string; why?: string } = {}): Promise<T> {
    return this.#timeline.take({ step, ...about }, action);
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  chose(wanted: Wanted, bucketDigest: string | undefined, strangers: readonly string[]): void {
    this.#wanted = wanted;
    this.#bucketDigest = bucketDigest;
    this.#trouble = wanted.trouble;
    this.#mistakes = wanted.mistakes;
    for (const { at, what, instead } of wanted.warnings)
      this.note(`${at.file}:${at.line}:${at.column}: ${what}; ${instead}`);
    for (const name of strangers.slice(0, 5)) this.note(`${name} in the bucket is no part of a role: it is left alone`);
  }

  /** Planned again after packages: what was done counts, and what is still to be done. */
  planned(plan: Plan): void {
    for (const step of plan.steps) this.#subjects.add(step.subject);
    this.#waiting = plan.waiting;
  }

  /** Another host was told once more, and heard it: no step to tell of, or each would be news. */
  renewed(subject: string): void {
    this.#subjects.delete(subject);
  }

  /** `unkept`: what came of it could not be written down. */
  converged(outcome: Outcome, ledger: Ledger, unkept: Trouble | undefined): void {
    this.#outcome = { ...outcome, ledger };
    this.#trouble ??= outcome.failures[0]?.trouble ?? unkept;
    const digest = this.#bucketDigest ?? '';
    const aside = ledger.content.setAside[digest];
    if (aside && isSetAside(ledger.content, digest, this.#world.clock.now())) {
      this.#setAside = { digest, code: aside.code, subject: aside.subject };
      this.#trouble ??= setAsideTrouble(aside, this.#world.store.name);
    }
    const spec = this.#wanted?.spec;
    if (spec) this.#services = spec.services.map((service) => serviceStatus(service, outcome));
  }

  failed(error: unknown): void {
    this.#trouble = asTrouble(error, 'agent', this.#world.store.name);
    if (error instanceof SpecRefused) this.#mistakes = error.mistakes;
  }

  status(): Status {
    const { settings, clock, presence } = this.#world;
    const cost = this.#world.store.cost();
    const changed = this.#outcome?.changed ?? [];
    return {
      schema: 1,
      instanceId: this.identity?.instanceId ?? '',
      role: settings.role,
      at: new Date(clock.now()).toISOString(),
      ...presence.told(),
      health: this.#health(),
      content: {
        ...(this.#bucketDigest === undefined ? {} : { wanted: this.#bucketDigest }),
        ...(this.#wanted && this.#outcome ? { active: this.#wanted.snapshot.digest } : {}),
        ...(this.#setAside ? { setAside: this.#setAside } : {}),
      },
      lastSync: {
        startedAt: new Date(this.#startedAt).toISOString(),
        ms: this.#timeline.elapsed,
        steps: this.#subjects.size,
        changed,
        requests: cost.requests - this.#costBefore.requests,
        bytes: cost.bytes - this.#costBefore.bytes,
      },
      services: this.#services,
      ...(this.#trouble ? { trouble: this.#trouble } : {}),
      ...(this.#mistakes.length > 0 ? { mistakes: this.#mistakes.map(flat) } : {}),
      waiting: this.#waiting,
      waited: this.#world.waits.told(),
      notes: this.#notes,
      timeline: this.#timeline.entries,
    };
  }

  /** Something proven that still runs makes trouble a degradation; without it the machine never came up. */
  #health(): Status['health'] {
    const trouble = this.#trouble !== undefined || this.#waiting.length > 0;
    if (!trouble && this.#outcome) return 'healthy';
    const { content } = this.#outcome?.ledger ?? this.ledger ?? {};
    return content?.proven === undefined ? 'failed' : 'degraded';
  }
}

function serviceStatus(service: Spec['services'][number], outcome: Outcome): ServiceStatus {
  const { facts, plan } = outcome.scene;
  const subject = `service:${service.id}`;
  const port = service.port === undefined ? {} : { port: service.port };
  if (service.state !== 'running') return { id: service.id, state: 'stopped', ...port };
  const failed = outcome.failures.some(({ trouble }) => trouble.subject === subject);
  const waiting = plan.waiting.some((entry) => entry.subject === subject);
  if (failed || waiting) return { id: service.id, state: 'unhealthy', ...port };
  // An activation ends with a check that held; without one the look at the machine says it.
  const activated = outcome.changed.includes(subject);
  const healthy = activated ? true : facts.services[service.id]?.healthy;
  return { id: service.id, state: healthy === undefined ? 'unknown' : healthy ? 'healthy' : 'unhealthy', ...port };
}

function setAsideTrouble(aside: { code: string; subject: string }, name: string): Trouble {
  return {
    code: 'content-set-aside',
    step: 'bucket',
    subject: aside.subject,
    reason: `what ${name} holds failed three times (${aside.code}); the last proven content is in force`,
    hint: 'mend it and upload again: other content is tried at once',
  };
}

function flat({ at, what, instead }: Mistake): MistakeStatus {
  return { ...at, what, instead };
}
