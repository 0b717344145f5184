import { type Announced, activated, type Ledger, withoutSubject, withSubjects } from '../ledger/ledger.ts';
import { asTrouble, HauloutError } from '../lib/errors.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Facts } from '../plan/facts.ts';
import type { RegisterStep } from '../plan/step.ts';
import { type HookTools, runCommand } from '../services/hooks.ts';
import type { RegisterSpec, Spec } from '../spec/spec.ts';
import type { Done, ServiceTrouble } from './service-hands.ts';

/** What it takes to take this machine out of one place. */
export type Withdrawal = Pick<RegisterSpec, 'id' | 'user' | 'timeoutMs'> & { readonly down?: string | undefined };

interface Ground {
  readonly spec: Pick<Spec, 'registrations'>;
  readonly facts: Pick<Facts, 'registrations' | 'periods'>;
  readonly ledger: Ledger;
}

/** What came of a step, and the ledger that says so. */
interface Taken extends Done {
  readonly ledger: Ledger;
}

/** Announces this machine where its spec says, and takes it out again. */
export class Registrar {
  readonly #tools: HookTools;
  readonly #identity: () => Identity | undefined;

  constructor(tools: HookTools, identity: () => Identity | undefined) {
    this.#tools = tools;
    this.#identity = identity;
  }

  /** Does one step of a plan. */
  async take(step: RegisterStep, ground: Ground): Promise<Taken> {
    const { ledger } = ground;
    const named = ground.spec.registrations.find(({ id }) => id === step.registration);
    if (!named) return { ledger, failure: undefined, notes: [] };
    const { ledger: left, notes } = await this.#leave(step.subject, named, ledger);
    const done = await (step.do === 'register'
      ? this.#announce(step.subject, named, { ...ground, ledger: left })
      : this.#withdraw(step.subject, named, left));
    return { ...done, notes };
  }

  async down({ down, ...registration }: Withdrawal): Promise<ServiceTrouble | undefined> {
    return down === undefined ? undefined : await this.#run(registration, 'down', down);
  }

  async #announce(subject: string, named: RegisterSpec, { facts, ledger }: Ground): Promise<Omit<Taken, 'notes'>> {
    const failure = await this.#run(named, 'up', named.up);
    if (failure) return { ledger, failure };
    const record = { ...activated(facts.registrations[named.id] ?? ''), announced: announced(named, facts) };
    return { ledger: withSubjects(ledger, [[subject, record]]), failure };
  }

  /** Half heard is not announced: where it is to be announced again, `up` is to run. */
  async #withdraw(subject: string, named: RegisterSpec, ledger: Ledger): Promise<Omit<Taken, 'notes'>> {
    const failure = await this.down(named);
    if (!failure) return { ledger: withoutSubject(ledger, subject), failure };
    const { activated: _, ...record } = ledger.subjects[subject] ?? { wanted: '' };
    return { ledger: withSubjects(ledger, [[subject, record]]), failure };
  }

  /** Another `down` than before: it has moved. The old place hears so once; it may be gone, and it is the new one that counts. */
  async #leave(subject: string, { id, down }: RegisterSpec, ledger: Ledger): Promise<Omit<Taken, 'failure'>> {
    const { announced: old, activated: _, ...record } = ledger.subjects[subject] ?? { wanted: '' };
    if (old?.down === undefined || old.down === down) return { ledger, notes: [] };
    const failure = await this.down({ id, ...old });
    const why = `${subject}: its old place did not hear that it leaves: ${failure?.trouble.reason}`;
    return { ledger: withSubjects(ledger, [[subject, record]]), notes: failure ? [why] : [] };
  }

  async #run(
    { id, user, timeoutMs }: Omit<Withdrawal, 'down'>,
    word: 'up' | 'down',
    line: string,
  ): Promise<ServiceTrouble | undefined> {
    const { localIpv4 = '', publicIpv4 = '' } = this.#identity() ?? {};
    const environment = { HAULOUT_ADDRESS: localIpv4, HAULOUT_PUBLIC_ADDRESS: publicIpv4 };
    try {
      const ran = await runCommand(this.#tools, { kind: 'register', id, line, user, timeoutMs, environment });
      return ran.ok
        ? undefined
        : { trouble: failed(id, word, ran.timedOut ? undefined : ran.code), output: ran.output };
    } catch (error) {
      // Its user may have gone with the content that brought it: a failure like any other, that is counted.
      return { trouble: new HauloutError(asTrouble(error, 'register', `register:${id}`), error), output: '' };
    }
  }
}

/** Where this machine is to be taken out when it leaves: where the spec announces it, and where it is announced still besides. */
export function withdrawals(named: readonly RegisterSpec[], ledger: Ledger | undefined): Withdrawal[] {
  const remembered = Object.entries(ledger?.subjects ?? {}).flatMap(([subject, { announced }]) =>
    announced ? [{ id: subject.slice('register:'.length), ...announced }] : [],
  );
  const wanted = named.filter(({ state }) => state === 'announced');
  const isWanted = (old: Withdrawal) => wanted.some(({ id, down }) => id === old.id && down === old.down);
  return [...wanted, ...remembered.filter((old) => !isWanted(old))];
}

function announced({ id, down, user, timeoutMs }: RegisterSpec, { periods }: Pick<Facts, 'periods'>): Announced {
  const period = periods[id];
  return { ...(down === undefined ? {} : { down }), user, timeoutMs, ...(period === undefined ? {} : { period }) };
}

/** `code` undefined: it did not end in time. */
function failed(id: string, word: 'up' | 'down', code: number | null | undefined): HauloutError {
  return new HauloutError({
    code: code === undefined ? 'register-timeout' : 'register-failed',
    step: 'register',
    subject: `register:${id}`,
    reason: code === undefined ? `\`${word}\` did not end in time` : `\`${word}\` ended with ${code ?? 'a signal'}`,
    hint: `run the line by hand on the machine, as its user; it is tried again by itself`,
  });
}
