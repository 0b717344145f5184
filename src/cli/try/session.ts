import { join } from 'node:path';
import type { AgentEvent } from '../../agent/events.ts';
import type { LocalCloud, Machine } from '../../cloud/local.ts';
import { sha256 } from '../../lib/digest.ts';
import { EXIT } from '../../lib/exit.ts';
import type { Status } from '../../status/status.ts';
import { agentKey } from '../../userdata/pin.ts';
import { renderUserdata } from '../../userdata/render.ts';
import type { Settings } from '../../userdata/settings.ts';
import { readDist } from '../dist-files.ts';
import type { RoleDirectory } from '../role-directory.ts';
import { followEvents } from './agent-events.ts';
import type { TryOptions } from './command.ts';
import type { NewEvent, TryEvent } from './events.ts';

const BUCKET = 'haulout-try';
const SETTLE_MS = 1_000;
const SYNC_LIMIT_MS = 10 * 60_000;
/** With --once: a first boot that failed this often will not come up by itself. */
const HOPELESS_AFTER = 3;

/** One directory, one instance: its life from launch to the end. */
export class Session {
  readonly #cloud: LocalCloud;
  readonly #role: RoleDirectory;
  readonly #options: TryOptions;
  readonly #emit: (event: TryEvent) => void;
  readonly #tell: (line: string) => void;
  #machine: Machine | undefined;
  #instanceId = '';
  #launchedAt = 0;
  #ready = false;
  #failures = 0;
  #lastFailure = '';
  #url: string | null = null;
  readonly #outcome: Promise<'ready' | 'failed'>;
  #decide: (outcome: 'ready' | 'failed') => void = () => undefined;

  constructor(
    cloud: LocalCloud,
    role: RoleDirectory,
    options: TryOptions,
    emit: (event: TryEvent) => void,
    tell: (line: string) => void,
  ) {
    this.#cloud = cloud;
    this.#role = role;
    this.#options = options;
    this.#emit = emit;
    this.#tell = tell;
    this.#outcome = new Promise((resolve) => {
      this.#decide = resolve;
    });
  }

  async announce(): Promise<void> {
    this.#say({ event: 'cloud', ...this.#store() });
  }

  /** Resolves with an exit code when it is through, or when `signal` says so. */
  async live(signal: AbortSignal): Promise<number> {
    const mirror = await this.#cloud.mirror(this.#role.path, BUCKET, this.#role.role);
    const watching = new AbortController();
    const ended = AbortSignal.any([signal, watching.signal]);
    try {
      const machine = await this.#launch();
      const following = followEvents(machine.pid, ended, (event) => this.#hear(event));
      await mirror.watch(({ key, what }) => this.#tell(`${what} ${key}`));
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
    if (this.#instanceId !== '') this.#say({ event: 'terminated' });
  }

  async #launch(): Promise<Machine> {
    const { keep, root, userData } = this.#options;
    this.#launchedAt = performance.now();
    const machine = await this.#cloud.launch({
      role: this.#role.role,
      userData: userData ?? (await this.#userData()),
      files: { '/etc/haulout/haulout.ini': { content: this.#override(), mode: 0o644 } },
      ...(keep === undefined ? {} : { keep: join(keep, this.#role.role) }),
      ...(root === undefined ? {} : { root }),
      onConsole: (line) => this.#tell(line),
      onUserData: ({ code, ms }) => this.#userDataEnded(code, ms),
    });
    this.#machine = machine;
    this.#instanceId = machine.instanceId;
    this.#say({ event: 'launched', address: machine.address });
    return machine;
  }

  /** The real launcher, pinned to the agent of this build, as `haulout userdata` would print it. */
  async #userData(): Promise<Buffer> {
    const agent = await readDist('agent.mjs');
    const settings: Settings = {
      bucket: { bucket: BUCKET, prefix: this.#role.role },
      endpoint: this.#cloud.instanceEndpoint,
      region: this.#cloud.region,
      anonymous: false,
      role: this.#role.role,
      state: { bucket: BUCKET, prefix: '.haulout' },
      settleMs: SETTLE_MS,
      agent: sha256(agent),
    };
    await this.#cloud.s3.put(BUCKET, agentKey(settings.state, settings.agent), { bytes: agent });
    return Buffer.from(renderUserdata((await readDist('bootstrap.js')).toString('utf8'), settings));
  }

  /** The instance's own word over the bucket's: how often to look, and no upgrade of a copy of somebody's whole machine. */
  #override(): string {
    const upgrade = this.#options.upgrade ? '' : 'upgrade = never\n';
    return `[haulout]\nschedule = ${this.#options.schedule}\nsplay = 0s\n${upgrade}`;
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
    const late = this.#after(timeoutMs);
    const outcome = await Promise.race([this.#outcome, stopped, gone, late.promise]);
    late.cancel();
    if (outcome === 'stopped') return EXIT.interrupted;
    if (outcome === 'gone') return this.#lost();
    if (outcome === 'late') return this.#late();
    if (outcome === 'failed') return EXIT.failed;
    return exec === undefined ? await this.#proveNoOp(machine) : await this.#run(machine, exec, signal);
  }

  /** Law 1: the second sync does nothing. */
  async #proveNoOp(machine: Machine): Promise<number> {
    const result = await machine.exec(['haulout', 'sync', '--json'], {
      timeoutMs: SYNC_LIMIT_MS,
      keepBytes: 8 * 1024 * 1024,
    });
    const status = parseStatus(result.stdout);
    if (!status) {
      this.#fail(
        'no-answer',
        'agent',
        'haulout sync',
        'the agent did not answer a second sync',
        'haulout try --exec "haulout logs"',
      );
      return EXIT.failed;
    }
    this.#say({ event: 'synced', ...syncOf(status) });
    if (status.lastSync.steps === 0 && status.health === 'healthy') return EXIT.done;
    const subject = status.lastSync.changed[0] ?? status.trouble?.subject ?? '';
    const cause = `the second sync took ${status.lastSync.steps} steps, and a no-op takes none`;
    this.#fail(
      'not-idempotent',
      'plan',
      subject,
      cause,
      'a hook or a service changes what the spec says; `haulout status` names it',
    );
    return EXIT.failed;
  }

  async #run(machine: Machine, command: string, signal: AbortSignal): Promise<number> {
    const result = await machine.exec(['/bin/sh', '-c', command], {
      timeoutMs: this.#options.timeoutMs,
      signal,
      keepBytes: 16 * 1024 * 1024,
      onOutput: (chunk) => process.stderr.write(chunk),
    });
    return result.code ?? EXIT.failed;
  }

  #hear(event: AgentEvent): void {
    if (event.event === 'step') {
      if (!this.#ready) this.#phase(event.step, event.subject ?? '', event.ms, event.ok);
      return;
    }
    const { status } = event;
    if (status.trouble) this.#troubled(status);
    else this.#lastFailure = '';
    if (status.health === 'healthy' && !this.#ready) void this.#becomeReady(status);
    else if (this.#ready && status.lastSync.steps > 0) this.#say({ event: 'synced', ...syncOf(status) });
  }

  async #becomeReady(status: Status): Promise<void> {
    this.#ready = true;
    const bootMs = this.#sinceLaunch();
    const port = status.services.find((service) => service.port !== undefined && service.state !== 'stopped')?.port;
    if (port !== undefined && this.#machine) this.#url = (await this.#machine.publish(port, this.#options.port)).url;
    this.#say({ event: 'ready', url: this.#url, ...this.#store(), prefix: this.#role.role, bootMs });
    this.#decide('ready');
  }

  #troubled(status: Status): void {
    const { trouble, mistakes } = status;
    if (!trouble) return;
    const print = JSON.stringify([trouble.code, trouble.subject, trouble.reason, mistakes]);
    this.#failures++;
    if (print !== this.#lastFailure) {
      const { code, step, subject, reason: cause, hint, output } = trouble;
      this.#say({
        event: 'failed',
        ...{ code, step, subject, cause, hint },
        ...(mistakes ? { mistakes } : {}),
        ...(output === undefined ? {} : { output }),
      });
    }
    this.#lastFailure = print;
    if (!this.#ready && (mistakes || this.#failures >= HOPELESS_AFTER)) this.#decide('failed');
  }

  #userDataEnded(code: number, ms: number): void {
    this.#phase('launcher', 'user-data', ms, code === 0);
    if (code === 0) return;
    const cause = `the user-data script ended with ${code}`;
    this.#fail('user-data-failed', 'launcher', 'user-data', cause, 'its own words stand above');
    this.#decide('failed');
  }

  #lost(): number {
    this.#fail(
      'instance-gone',
      'try',
      this.#instanceId,
      'the instance ended by itself',
      'look at its last words above',
    );
    return EXIT.failed;
  }

  #late(): number {
    const cause = `it was not ready after ${Math.round(this.#options.timeoutMs / 1000)} s`;
    this.#fail('not-ready', 'try', this.#instanceId, cause, 'raise --timeout, or look at the last phase above');
    return EXIT.failed;
  }

  #phase(phase: string, subject: string, ms: number, ok: boolean): void {
    this.#say({ event: 'phase', phase, subject, ms, sinceLaunchMs: this.#sinceLaunch(), ok });
  }

  #fail(code: string, step: string, subject: string, cause: string, hint: string): void {
    this.#say({ event: 'failed', code, step, subject, cause, hint });
  }

  #say(event: NewEvent): void {
    const at = new Date().toISOString();
    this.#emit({
      schema: 1,
      at,
      instanceId: this.#instanceId,
      role: this.#instanceId === '' ? '' : this.#role.role,
      ...event,
    });
  }

  #store() {
    const { endpoint, region, accessKeyId, secretAccessKey } = this.#cloud;
    return { endpoint, bucket: BUCKET, region, accessKeyId, secretAccessKey };
  }

  #sinceLaunch(): number {
    return Math.round(performance.now() - this.#launchedAt);
  }

  #after(milliseconds: number): { promise: Promise<'late'>; cancel: () => void } {
    let timer: NodeJS.Timeout | undefined;
    const promise = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), Math.min(milliseconds, 2 ** 31 - 1));
    });
    return { promise, cancel: () => clearTimeout(timer) };
  }
}

function syncOf(status: Status) {
  const { changed, steps, requests, bytes, ms } = status.lastSync;
  return { changed, steps, requests, bytes, ms };
}

function parseStatus(text: string): Status | undefined {
  try {
    return JSON.parse(text) as Status;
  } catch {
    return undefined;
  }
}
