import type { Clock } from '../lib/clock.ts';
import { HauloutError } from '../lib/errors.ts';
import type { ServiceSpec } from '../spec/spec.ts';
import type { CfgRoom } from './cfg-place.ts';
import { awaitHealth } from './health.ts';
import { type Hook, type HookResult, type HookTools, type Ran, runHook } from './hooks.ts';
import type { ProbeResult } from './probe.ts';
import type { UnitManager, UnitResult } from './units.ts';

export interface ServiceTools {
  readonly hooks: HookTools;
  readonly units: UnitManager;
  readonly cfg: CfgRoom;
  readonly clock: Clock;
}

/** One service as the agent wants it acted upon. `directory` is where its image is; a unit has none. */
export interface ServiceCall {
  readonly service: ServiceSpec;
  readonly directory: string;
  readonly signal?: AbortSignal;
  readonly onOutput?: (chunk: Buffer) => void;
}

export type StepName = 'configure' | 'start' | 'reload' | 'restart' | 'drain' | 'stop' | 'check';

export interface StepTaken {
  readonly step: StepName;
  readonly ok: boolean;
  /** false: the image has no such hook. */
  readonly ran: boolean;
  readonly durationMs: number;
}

/** What became of it. `output` is the end of what the failed step printed: it may hold secrets, so `trouble` never does. */
export type Outcome = Succeeded | Failed;

interface Succeeded {
  readonly ok: true;
  readonly steps: readonly StepTaken[];
  /** Of a `stop`: the hook failed, and the service was ended all the same. */
  readonly unheeded?: Failed;
}

interface Failed {
  readonly ok: false;
  readonly steps: readonly StepTaken[];
  readonly failed: StepName;
  readonly trouble: HauloutError;
  readonly output: string;
}

/** The steps of one action, up to the first that fails; then bin/failed hears of it. */
export class Course {
  readonly tools: ServiceTools;
  readonly service: ServiceSpec;
  readonly #call: ServiceCall;
  readonly #steps: StepTaken[] = [];
  #failure: { step: StepName; trouble: HauloutError; output: string } | undefined;

  constructor(tools: ServiceTools, call: ServiceCall) {
    this.tools = tools;
    this.service = call.service;
    this.#call = call;
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  skipped(step: StepName): boolean {
    return !this.failed && this.#steps.some((one) => one.step === step && !one.ran);
  }

  fail(step: StepName, trouble: HauloutError, output: string): void {
    this.#failure ??= { step, trouble, output };
  }

  /** What a step throws is its failure; a stranger's error stays one. */
  async attempt(step: StepName, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof HauloutError)) throw error;
      this.fail(step, error, '');
    }
  }

  async hook(hook: 'configure' | 'start' | 'drain' | 'stop', how: { cfg?: string }): Promise<void> {
    await this.attempt(hook, async () => {
      const result = await this.#run(hook, how);
      const ok = result.kind === 'missing' || result.ok;
      const durationMs = result.kind === 'missing' ? 0 : result.durationMs;
      this.#steps.push({ step: hook, ok, ran: result.kind === 'ran', durationMs });
      if (result.kind === 'ran' && !result.ok)
        this.fail(hook, hookFailed(this.service.id, hook, result), result.output);
    });
  }

  async unit(step: StepName, action: () => Promise<UnitResult>): Promise<void> {
    const started = this.tools.clock.elapsed();
    const result = await action();
    this.#steps.push({ step, ok: result.ok, ran: true, durationMs: this.tools.clock.elapsed() - started });
    if (!result.ok) this.fail(step, unitFailed(this.service.id, step, result), result.output);
  }

  async health(): Promise<void> {
    if (this.failed) return;
    const started = this.tools.clock.elapsed();
    await this.attempt('check', async () => this.#judge(await awaitHealth(this.tools, this.#call)));
    const durationMs = this.tools.clock.elapsed() - started;
    this.#steps.push({ step: 'check', ok: !this.failed, ran: true, durationMs });
  }

  #judge(health: ProbeResult): void {
    if (!health.ok) this.fail('check', checkFailed(this.service.id, health.reason), health.output);
  }

  async finish(): Promise<Outcome> {
    const steps = this.#steps;
    if (this.#failure === undefined) return { ok: true, steps };
    const { step, trouble, output } = this.#failure;
    if (this.service.source.kind === 'image') await this.#tellFailed(step, trouble.code);
    return { ok: false, steps, failed: step, trouble, output };
  }

  /** Its own failure changes nothing: there is already one to report. */
  async #tellFailed(step: StepName, code: string): Promise<void> {
    await this.#run('failed', { extraArguments: [step, code] }).catch(() => undefined);
  }

  #run(hook: Hook, how: { cfg?: string; extraArguments?: readonly string[] }): Promise<HookResult> {
    const { directory, onOutput } = this.#call;
    const { id, user, timeoutMs } = this.service;
    return runHook(this.tools.hooks, {
      service: id,
      directory,
      hook,
      user,
      timeoutMs,
      ...how,
      ...(onOutput === undefined ? {} : { onOutput }),
    });
  }
}

function hookFailed(id: string, hook: string, result: Ran): HauloutError {
  const subject = `service:${id}`;
  if (result.timedOut) {
    const reason = `bin/${hook} did not end within its time limit`;
    const hint = 'raise `timeout`, or let it do less; what must go on running is left by start, in the background';
    return new HauloutError({ code: 'hook-timeout', step: 'service', subject, reason, hint });
  }
  const how = result.signal === null ? `code ${result.code}` : `signal ${result.signal}`;
  const reason = `bin/${hook} ended with ${how}`;
  const hint = 'read the end of its output in `haulout status`';
  return new HauloutError({ code: 'hook-failed', step: 'service', subject, reason, hint });
}

export function hookMissing(id: string): HauloutError {
  const hint = 'add an executable bin/start to the image';
  const reason = 'its image has no bin/start';
  return new HauloutError({ code: 'hook-missing', step: 'service', subject: `service:${id}`, reason, hint });
}

function unitFailed(id: string, step: StepName, result: UnitResult): HauloutError {
  const how = result.timedOut ? 'did not end within its time limit' : `ended with code ${result.code ?? 'none'}`;
  const reason = `${step} of its unit ${how}`;
  const hint = 'read the end of its output in `haulout status`; is the package of the unit in [packages]?';
  return new HauloutError({ code: 'unit-failed', step: 'service', subject: `service:${id}`, reason, hint });
}

function checkFailed(id: string, reason: string): HauloutError {
  const hint = 'look at the log of the service, or raise `health` or `timeout` if it needs longer to start';
  return new HauloutError({ code: 'check-failed', step: 'service', subject: `service:${id}`, reason, hint });
}
