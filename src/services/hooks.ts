import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunResult, SYSTEM_ENVIRONMENT } from '../lib/exec.ts';
import { type Account, accountOf } from './accounts.ts';
import { type Containment, passingScope, serviceScope } from './contain.ts';
import { runContained } from './contained.ts';
import { hasHook } from './hook-file.ts';

export type Hook = 'configure' | 'start' | 'drain' | 'stop' | 'check' | 'failed';

export interface HookTools {
  readonly containment: Containment;
  readonly instanceId: string;
  readonly role: string;
  /** TZ of hooks and jobs; left out: the machine's own. */
  readonly timezone?: string;
  /** Directory, root's own, with one file per service: what `start` and those it leaves running print. */
  readonly logs: string;
  /** Between TERM and KILL. Default 5 s. */
  readonly graceMs?: number;
}

export interface HookCall {
  readonly service: string;
  readonly directory: string;
  readonly hook: Hook;
  readonly user: string;
  readonly timeoutMs: number;
  /** Path of the cfg, handed over as the second argument. */
  readonly cfg?: string;
  readonly extraArguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly onOutput?: (chunk: Buffer) => void;
}

export interface Ran {
  readonly kind: 'ran';
  readonly ok: boolean;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  /** The end of what it printed; may hold secrets, so it belongs in no message. */
  readonly output: string;
  readonly durationMs: number;
}

export type HookResult = { readonly kind: 'missing' } | Ran;

const GRACE_MS = 5_000;

/**
 * `bin/<hook> <service-id> [cfg-path] [more]`, in the service directory, as the service's user. What `start` leaves
 * running lives on in the service's scope; what any other hook leaves ends with it (law 9). Rejects when the hook is
 * there and cannot be run.
 */
export async function runHook(tools: HookTools, call: HookCall): Promise<HookResult> {
  if (!(await hasHook(call.directory, call.hook, call.service))) return { kind: 'missing' };
  const subject = `service:${call.service}`;
  const account = await accountOf(call.user, subject);
  const staying = call.hook === 'start';
  const result = await runContained(tools.containment, {
    subject,
    account,
    scope: staying ? serviceScope(call.service) : passingScope(`${call.service}-${call.hook}`),
    keep: staying,
    argv: [`bin/${call.hook}`, call.service, ...(call.cfg ? [call.cfg] : []), ...(call.extraArguments ?? [])],
    cwd: call.directory,
    environment: hookEnvironment(tools, call),
    timeoutMs: call.timeoutMs,
    graceMs: tools.graceMs ?? GRACE_MS,
    ...(staying ? { log: serviceLog(tools.logs, call.service) } : {}),
    ...(call.onOutput ? { onOutput: call.onOutput } : {}),
  });
  return asRan(result);
}

const serviceLog = (logs: string, service: string) => join(logs, `${service}.log`);

/** The documented allow-list: nothing of the agent's own environment gets through. */
function hookEnvironment(tools: HookTools, call: HookCall): Record<string, string> {
  return {
    ...baseEnvironment(tools, call.user, call.directory),
    HAULOUT_SERVICE: call.service,
    HAULOUT_HOOK: call.hook,
    ...call.environment,
  };
}

function baseEnvironment(tools: HookTools, user: string, home: string): Record<string, string> {
  return {
    PATH: SYSTEM_ENVIRONMENT['PATH']!,
    HOME: home,
    USER: user,
    LOGNAME: user,
    LANG: 'C.UTF-8',
    ...(tools.timezone === undefined ? {} : { TZ: tools.timezone }),
    HAULOUT_INSTANCE_ID: tools.instanceId,
    HAULOUT_ROLE: tools.role,
  };
}

export interface CommandCall {
  /** Whose line it is: a job's, a service's `validate`, a registration's. It is told in HAULOUT_JOB, HAULOUT_SERVICE, HAULOUT_REGISTER. */
  readonly kind: 'job' | 'service' | 'register';
  readonly id: string;
  /** For /bin/sh. */
  readonly line: string;
  readonly user: string;
  readonly timeoutMs: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly onOutput?: (chunk: Buffer) => void;
}

/** A command line of the spec, held like a hook; in its user's home, as cron would have it. */
export async function runCommand(tools: HookTools, call: CommandCall): Promise<Ran> {
  const subject = `${call.kind}:${call.id}`;
  const account = await accountOf(call.user, subject);
  const home = await homeOf(account);
  const named = { [`HAULOUT_${call.kind.toUpperCase()}`]: call.id, ...call.environment };
  const result = await runContained(tools.containment, {
    subject,
    account,
    scope: passingScope(`${call.kind}-${call.id}`),
    keep: false,
    argv: ['/bin/sh', '-c', call.line],
    cwd: home,
    environment: { ...baseEnvironment(tools, call.user, home), ...named },
    timeoutMs: call.timeoutMs,
    graceMs: tools.graceMs ?? GRACE_MS,
    ...(call.onOutput ? { onOutput: call.onOutput } : {}),
  });
  return asRan(result);
}

async function homeOf(account: Account): Promise<string> {
  const there = await stat(account.home).catch(() => undefined);
  return there?.isDirectory() ? account.home : '/';
}

function asRan(result: RunResult): Ran {
  const { code, signal, timedOut, output, durationMs } = result;
  return { kind: 'ran', ok: code === 0 && !timedOut, code, signal, timedOut, output, durationMs };
}
