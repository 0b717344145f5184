import { HauloutError } from '../lib/errors.ts';
import type { Identity } from '../metadata/provider.ts';
import { type HookTools, runCommand } from '../services/hooks.ts';
import type { RegisterSpec } from '../spec/spec.ts';
import type { ServiceTrouble } from './service-hands.ts';

/** Announces this machine where its spec says, and takes it out again. */
export class Registrar {
  readonly #tools: HookTools;
  readonly #identity: () => Identity | undefined;

  constructor(tools: HookTools, identity: () => Identity | undefined) {
    this.#tools = tools;
    this.#identity = identity;
  }

  async up(registration: RegisterSpec): Promise<ServiceTrouble | undefined> {
    return await this.#run(registration, 'up', registration.up);
  }

  async down(registration: RegisterSpec): Promise<ServiceTrouble | undefined> {
    return registration.down === undefined ? undefined : await this.#run(registration, 'down', registration.down);
  }

  async #run(
    { id, user, timeoutMs }: RegisterSpec,
    word: 'up' | 'down',
    line: string,
  ): Promise<ServiceTrouble | undefined> {
    const { localIpv4 = '', publicIpv4 = '' } = this.#identity() ?? {};
    const environment = { HAULOUT_ADDRESS: localIpv4, HAULOUT_PUBLIC_ADDRESS: publicIpv4 };
    const ran = await runCommand(this.#tools, { kind: 'register', id, line, user, timeoutMs, environment });
    return ran.ok ? undefined : { trouble: failed(id, word, ran.timedOut ? undefined : ran.code), output: ran.output };
  }
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
