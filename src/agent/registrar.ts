import { type Announced, activated, type Ledger, withoutSubject, withSubjects } from '../ledger/ledger.ts';
import { asTrouble, HauloutError } from '../lib/errors.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Facts } from '../plan/facts.ts';
import { MOST_TRIES } from '../plan/registrations.ts';
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
    if (step.do === 'register') return await this.#announce(step, ground);
    return step.do === 'withdraw' ? await this.#withdraw(step, ground.ledger) : forget(step, ground.ledger);
  }

  async down({ down, ...registration }: Withdrawal): Promise<ServiceTrouble | undefined> {
    return down === undefined ? undefined : await this.#run(registration, 'down', down);
  }

  async #announce({ subject, registration }: RegisterStep, { spec, facts, ledger }: Ground): Promise<Taken> {
    const wanted = spec.registrations.find(({ id }) => id === registration);
    if (!wanted) return { ledger, failure: undefined, notes: [] };
    const left = await this.#leave(subject, wanted, ledger);
    const failure = await this.#run(wanted, 'up', wanted.up);
    if (failure) return { ...left, failure };
    const record = { ...activated(facts.registrations[wanted.id] ?? ''), announced: announced(wanted, facts) };
    return { ...left, failure, ledger: withSubjects(left.ledger, [[subject, record]]) };
  }

  /** Another `down` than before: it has moved. The old place hears so once; it may be gone, and it is the new one that counts. */
  async #leave(subject: string, { id, down }: RegisterSpec, ledger: Ledger): Promise<Omit<Taken, 'failure'>> {
    const { announced: old, activated: _, ...record } = ledger.subjects[subject] ?? { wanted: '' };
    if (old?.down === undefined || old.down === down) return { ledger, notes: [] };
    const failure = await this.down({ id, ...old });
    const why = `${subject}: its old place did not hear that it leaves: ${failure?.trouble.reason}`;
    return { ledger: withSubjects(ledger, [[subject, record]]), notes: failure ? [why] : [] };
  }

  /** Half heard is not announced: where its section comes back, `up` is to run. */
  async #withdraw({ subject, registration: id }: RegisterStep, ledger: Ledger): Promise<Taken> {
    const { announced, activated: _, ...record } = ledger.subjects[subject] ?? { wanted: '' };
    const failure = announced && (await this.down({ id, ...announced }));
    if (!failure) return { ledger: withoutSubject(ledger, subject), failure, notes: [] };
    const tried = { ...record, announced: { ...announced, tries: (announced.tries ?? 0) + 1 } };
    return { ledger: withSubjects(ledger, [[subject, tried]]), failure, notes: [] };
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

/** Where this machine is to be taken out when it leaves: all that the spec names, and what is announced still beside it. */
export function withdrawals(named: readonly RegisterSpec[], ledger: Ledger | undefined): Withdrawal[] {
  const remembered = Object.entries(ledger?.subjects ?? {}).flatMap(([subject, { announced }]) =>
    announced ? [{ id: subject.slice('register:'.length), ...announced }] : [],
  );
  const isNamed = (old: Withdrawal) => named.some(({ id, down }) => id === old.id && down === old.down);
  return [...named, ...remembered.filter((old) => !isNamed(old))];
}

function announced({ id, down, user, timeoutMs }: RegisterSpec, { periods }: Pick<Facts, 'periods'>): Announced {
  const period = periods[id];
  return { ...(down === undefined ? {} : { down }), user, timeoutMs, ...(period === undefined ? {} : { period }) };
}

function forget({ subject }: RegisterStep, ledger: Ledger): Taken {
  const record = ledger.subjects[subject];
  const note = `${subject}: its \`down\` failed ${MOST_TRIES} times (${record?.failures?.code}) and is given up: take the machine out there by hand`;
  const notes = record?.announced?.down === undefined ? [] : [note];
  return { ledger: withoutSubject(ledger, subject), failure: undefined, notes };
}

/** `code` undefined: it did not end in time. */
function failed(id: string, word: 'up' | 'down', code: number | null | undefined): HauloutError {
  const often = word === 'up' ? '' : `, ${MOST_TRIES} times at most`;
  return new HauloutError({
    code: code === undefined ? 'register-timeout' : 'register-failed',
    step: 'register',
    subject: `register:${id}`,
    reason: code === undefined ? `\`${word}\` did not end in time` : `\`${word}\` ended with ${code ?? 'a signal'}`,
    hint: `run the line by hand on the machine, as its user; it is tried again by itself${often}`,
  });
}
