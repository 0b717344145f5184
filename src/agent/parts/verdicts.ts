import type { SubjectRecord } from '../../ledger/ledger.ts';
import type { ServiceSpec } from '../../spec/spec.ts';
import type { ServiceTrouble } from '../service-hands.ts';
import type { StepOf, Work } from '../work.ts';

type Activation = StepOf<'activate-service'>;

/** What `validate` of each service says of the new files, asked once. What it refuses goes back before the service sees it. */
export class Verdicts {
  readonly #work: Work;
  readonly #asked = new Map<string, Promise<ServiceTrouble | undefined>>();
  readonly #refused = new Set<string>();
  readonly #back = new Set<string>();

  constructor(work: Work) {
    this.#work = work;
  }

  /** Those that have a file in common with one whose turn is before theirs: it shall not load what they refuse. */
  async askAhead(): Promise<void> {
    const loaded = new Set<string>();
    for (const step of this.#work.steps('activate-service')) {
      const service = this.#work.job.spec.services.find(({ id }) => id === step.service);
      if (!service) continue;
      const held = watchedFiles(this.#work, service).filter(([, { previous }]) => previous !== undefined);
      if (held.some(([subject]) => loaded.has(subject))) await this.of(step, service).catch(() => undefined);
      for (const [subject] of held) loaded.add(subject);
    }
  }

  of(step: Activation, service: ServiceSpec): Promise<ServiceTrouble | undefined> {
    const known = this.#asked.get(service.id);
    if (known) return known;
    const verdict = step.phases.includes('validate') ? this.#ask(service) : Promise.resolve(undefined);
    this.#asked.set(service.id, verdict);
    return verdict;
  }

  /** All that this step was for went back since: there is nothing to load. */
  isMoot({ changed, service }: Activation): boolean {
    return changed.length > 0 && !this.#refused.has(service) && changed.every(({ subject }) => this.#back.has(subject));
  }

  async #ask(service: ServiceSpec): Promise<ServiceTrouble | undefined> {
    const refused = await this.#work.job.world.services.validate(service);
    if (!refused) return undefined;
    this.#refused.add(service.id);
    await this.#putBack(service, refused.trouble.code);
    return refused;
  }

  /** The files that a service refused wait with it for the next try. */
  async #putBack(service: ServiceSpec, code: string): Promise<void> {
    const back: string[] = [];
    for (const [subject, { previous }] of watchedFiles(this.#work, service)) {
      if (!previous) continue;
      await this.#work.job.world.files.restore(subject.slice('file:'.length), previous);
      back.push(subject);
    }
    for (const subject of back) this.#back.add(subject);
    await this.#work.wentBack(back, code);
  }
}

export function watchedFiles(work: Work, service: ServiceSpec): [string, SubjectRecord][] {
  const paths = work.scene.facts.services[service.id]?.watchedPaths ?? [];
  return paths.flatMap((path): [string, SubjectRecord][] => {
    const record = work.ledger.subjects[`file:${path}`];
    return record ? [[`file:${path}`, record]] : [];
  });
}
