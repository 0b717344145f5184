import type { AgentEvent } from '../../agent/events.ts';
import type { LocalCloud, Machine } from '../../cloud/local.ts';
import { asTrouble, type Trouble } from '../../lib/errors.ts';
import { EXIT } from '../../lib/exit.ts';
import type { Status } from '../../status/status.ts';
import type { RoleDirectory } from '../role-directory.ts';
import { followEvents } from './agent-events.ts';
import type { Audience, NewEvent } from './events.ts';
import { BUCKET, launcherFor, overrideFor } from './launcher.ts';
import { syncAgain } from './no-op.ts';
import type { TryOptions } from './options.ts';

/** With --once: a first boot that failed this often will not come up by itself. */
const HOPELESS_AFTER = 3;

export interface SessionParts {
  readonly cloud: LocalCloud;
  readonly role: RoleDirectory;
  readonly options: TryOptions;
  /** Where the instance's disk is kept; undefined: nowhere. */
  readonly disk: string | undefined;
  readonly audience: Audience;
}

/** One directory, one instance: its life from launch to the end. */
export class Session {
  readonly #cloud: LocalCloud;
  readonly #role: RoleDirectory;
  readonly #options: TryOptions;
  readonly #disk: string | undefined;
  readonly #audience: Audience;
  #machine: Machine | undefined;
  #instanceId = '';
  #launchedAt = 0;
  #ready = false;
  #failures = 0;
  #lastFailure = '';
  readonly #outcome: Promise<'ready' | 'failed'>;
  #decide: (outcome: 'ready' | 'failed') => void = () => undefined;

  constructor({ cloud, role, options, disk, audience }: SessionParts) {
    this.#cloud = cloud;
    this.#role = role;
    this.#options = options;
    this.#disk = disk;
    this.#audience = audience;
    this.#outcome = new Promise((resolve) => {
      this.#decide = resolve;
    });
  }

  announce(): void {
    this.#say({ event: 'cloud', ...this.#store() });
  }

  /** Resolves with an exit code when it is through, or when `signal` says so. */
  async live(signal: AbortSignal): Promise<number> {
    const mirror = await this.#cloud.mirror(this.#role.path, BUCKET, this.#role.role);
    const watching = new AbortController();
    const ended = AbortSignal.any([signal, watching.signal]);
    try {
      if (signal.aborted) return EXIT.interrupted;
      const machine = await this.#launch();
      const following = followEvents(machine.pid, ended, (event) => this.#hear(event));
      await mirror.watch((change) => this.#audience.change(this.#role.role, change));
      const code = await this.#wait(machine, signal);
      watching.abort();
      await following;
      return code;
    } finally {
      watching.abort();
      await mirror.close();
    }
  }

  terminated(): void {
    if (this.#instanceId === '') return;
    this.#say({ event: 'terminated', ...(this.#disk === undefined ? {} : { disk: this.#disk }) });
  }

  async #launch(): Promise<Machine> {
    const { root, userData, dialect } = this.#options;
    const { role } = this.#role;
    this.#launchedAt = performance.now();
    const machine = await this.#cloud.launch({
      role,
      userData: userData ?? (await launcherFor(role, this.#cloud)),
      files: { '/etc/haulout/haulout.ini': { content: overrideFor(this.#options), mode: 0o644 } },
      ...(this.#disk === undefined ? {} : { keep: this.#disk }),
      ...(root === undefined ? {} : { root }),
      metadata: { dialect },
      onConsole: (line) => this.#audience.console(role, line),
      onUserData: ({ code, ms }) => this.#userDataEnded(code, ms),
    });
    this.#machine = machine;
    this.#instanceId = machine.instanceId;
    this.#say({ event: 'launched', address: machine.address });
    return machine;
  }

  async #wait(machine: Machine, signal: AbortSignal): Promise<number> {
    const { once, exec, timeoutMs } = this.#options;
    const stopped = new Promise<'stopped'>((resolve) => {
      if (signal.aborted) resolve('stopped');
      signal.addEventListener('abort', () => resolve('stopped'), { once: true });
    });
    const gone = machine.ended.then(() => 'gone' as const);
    if (!once && exec === undefined) {
      return (await Promise.race([stopped, gone])) === 'stopped' ? EXIT.done : this.#lost();
    }
    const late = after(timeoutMs);
    const outcome = await Promise.race([this.#outcome, stopped, gone, late.promise]);
    late.cancel();
    if (outcome === 'stopped') return EXIT.interrupted;
    if (outcome === 'gone') return this.#lost();
    if (outcome === 'late') return this.#late();
    if (outcome === 'failed') return EXIT.failed;
    return exec === undefined ? await this.#proveNoOp(machine) : await this.#run(machine, exec, signal);
  }

  async #proveNoOp(machine: Machine): Promise<number> {
    const { status, trouble } = await syncAgain(machine);
    if (status) this.#say({ event: 'synced', ...syncOf(status) });
    if (trouble) this.#fail(trouble);
    return trouble ? EXIT.failed : EXIT.done;
  }

  /** With --events our standard output is the events' alone. */
  async #run(machine: Machine, command: string, signal: AbortSignal): Promise<number> {
    const stdout = this.#options.events ? 'stderr' : 'stdout';
    const code = await machine.lookAround(['/bin/sh', '-c', command], { stdout, signal });
    return code ?? EXIT.failed;
  }

  #hear(event: AgentEvent): void {
    if (event.event === 'step') {
      if (!this.#ready) this.#phase(event.step, event.subject ?? '', event.ms, event.ok);
      return;
    }
    const { status } = event;
    const wasInTrouble = this.#lastFailure !== '';
    if (status.trouble) this.#troubled(status);
    else this.#lastFailure = '';
    const mended = wasInTrouble && status.health === 'healthy';
    if (status.health === 'healthy' && !this.#ready) void this.#becomeReady(status);
    else if (this.#ready && (status.lastSync.steps > 0 || mended)) this.#say({ event: 'synced', ...syncOf(status) });
  }

  async #becomeReady(status: Status): Promise<void> {
    this.#ready = true;
    const bootMs = this.#sinceLaunch();
    const url = await this.#publish(status);
    this.#say({ event: 'ready', url, ...this.#store(), prefix: this.#role.role, bootMs });
    this.#decide('ready');
  }

  /** A port that was free at the start may be taken by now: then that is told, and the instance stays up without a URL. */
  async #publish(status: Status): Promise<string | null> {
    const port = status.services.find((service) => service.port !== undefined && service.state !== 'stopped')?.port;
    if (port === undefined || !this.#machine) return null;
    try {
      return (await this.#machine.publish(port, this.#options.port)).url;
    } catch (error) {
      this.#fail(asTrouble(error, 'try', `port ${this.#options.port}`));
      return null;
    }
  }

  #troubled(status: Status): void {
    const { trouble, mistakes } = status;
    if (!trouble) return;
    const print = JSON.stringify([trouble.code, trouble.subject, trouble.reason, mistakes]);
    this.#failures++;
    if (print !== this.#lastFailure) {
      const { output, ...rest } = trouble;
      this.#fail(rest, { ...(mistakes ? { mistakes } : {}), ...(output === undefined ? {} : { output }) });
    }
    this.#lastFailure = print;
    if (!this.#ready && (mistakes || this.#failures >= HOPELESS_AFTER)) this.#decide('failed');
  }

  #userDataEnded(code: number, ms: number): void {
    this.#phase('launcher', 'user-data', ms, code === 0);
    if (code === 0) return;
    const reason = `the user-data script ended with ${code}`;
    const hint = 'its own words stand above; without --events, that is';
    this.#fail({ code: 'user-data-failed', step: 'launcher', subject: 'user-data', reason, hint });
    this.#decide('failed');
  }

  #lost(): number {
    const reason = 'the instance ended by itself';
    const hint = 'look at its last words above';
    this.#fail({ code: 'instance-gone', step: 'try', subject: this.#instanceId, reason, hint });
    return EXIT.failed;
  }

  #late(): number {
    const reason = `it was not ready after ${Math.round(this.#options.timeoutMs / 1000)} s`;
    const hint = 'raise --timeout, or look at the last phase above';
    this.#fail({ code: 'not-ready', step: 'try', subject: this.#instanceId, reason, hint });
    return EXIT.failed;
  }

  #phase(phase: string, subject: string, ms: number, ok: boolean): void {
    this.#say({ event: 'phase', phase, subject, ms, sinceLaunchMs: this.#sinceLaunch(), ok });
  }

  #fail(
    { reason: cause, code, step, subject, hint }: Trouble,
    more: Pick<Status, 'mistakes'> & { output?: string } = {},
  ) {
    this.#say({ event: 'failed', code, step, subject, cause, hint, ...more });
  }

  #say(event: NewEvent): void {
    const at = new Date().toISOString();
    const role = this.#instanceId === '' ? '' : this.#role.role;
    this.#audience.event({ schema: 1, at, instanceId: this.#instanceId, role, ...event });
  }

  #store() {
    const { endpoint, region, accessKeyId, secretAccessKey } = this.#cloud;
    return { endpoint, bucket: BUCKET, region, accessKeyId, secretAccessKey };
  }

  #sinceLaunch(): number {
    return Math.round(performance.now() - this.#launchedAt);
  }
}

function after(milliseconds: number): { promise: Promise<'late'>; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), Math.min(milliseconds, 2 ** 31 - 1));
  });
  return { promise, cancel: () => clearTimeout(timer) };
}

function syncOf(status: Status) {
  const { changed, steps, requests, bytes, ms } = status.lastSync;
  return { changed, steps, requests, bytes, ms };
}
