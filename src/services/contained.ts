import { dirname } from 'node:path';
import { ownDirectory } from '../lib/durable.ts';
import { HauloutError } from '../lib/errors.ts';
import { type RunResult, run } from '../lib/exec.ts';
import { onSystemPath } from '../lib/present.ts';
import type { Account } from './accounts.ts';
import type { Command, Containment } from './contain.ts';
import { OutputFile } from './output-file.ts';

export interface ContainedCall {
  /** For errors: `service:web`. */
  readonly subject: string;
  readonly scope: string;
  /** Whether what it leaves running stays. */
  readonly keep: boolean;
  readonly argv: Command;
  readonly account: Account;
  readonly cwd: string;
  /** All of the environment, the scope's cookie excepted. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly graceMs: number;
  /**
   * File that takes the output instead of a pipe: what stays running keeps writing when nobody reads any more, and a
   * pipe without a reader would end it (law 8).
   */
  readonly log?: string;
  readonly onOutput?: (chunk: Buffer) => void;
}

/** Before privileges are dropped: no core files (they hold what the process held), modes as a login shell has them. */
const PREPARE = 'ulimit -c 0; umask 022; if [ -n "$1" ]; then exec >>"$1" 2>&1; fi; shift; exec "$@"';

/**
 * Runs a program of the operator: as its user, in its scope, with nothing of ours but what is listed. At the time limit
 * TERM goes to all of the scope, not only to the process group, and KILL `graceMs` later.
 */
export async function runContained(containment: Containment, call: ContainedCall): Promise<RunResult> {
  const environment = { ...call.environment, HAULOUT_SCOPE: containment.cookie(call.scope) };
  const dropped = await asUser(call.account, call.argv, call.subject);
  // `env -i`: some shells add variables of their own to what they pass on.
  const clean: Command = [
    'env',
    '-i',
    ...Object.entries(environment).map(([key, value]) => `${key}=${value}`),
    ...dropped,
  ];
  const log = call.log === undefined ? undefined : await openLog(call.log, call.account);
  const output = call.log === undefined || log ? (call.log ?? '') : '/dev/null';
  const prepared: Command = ['/bin/sh', '-c', PREPARE, 'haulout', output, ...clean];
  try {
    const result = await withLadder(containment, call, () =>
      run(containment.command(call.scope, prepared), {
        env: environment,
        cwd: call.cwd,
        timeoutMs: call.timeoutMs,
        graceMs: call.graceMs,
        ...(call.log === undefined ? { outputOf: call.account } : {}),
        ...(call.onOutput === undefined ? {} : { onOutput: call.onOutput }),
      }),
    );
    return log === undefined ? result : await withOutput(result, log, call.onOutput);
  } finally {
    await log?.close();
  }
}

/** A disk that is full takes no log, and something else may stand in its place; that keeps no service from its start. */
async function openLog(path: string, account: Account): Promise<OutputFile | undefined> {
  try {
    await ownDirectory(dirname(path));
    return await OutputFile.open(path, account);
  } catch {
    return undefined;
  }
}

async function withLadder(
  containment: Containment,
  call: ContainedCall,
  start: () => Promise<RunResult>,
): Promise<RunResult> {
  let ending: Promise<void> | undefined;
  const timer = setTimeout(() => {
    ending = containment.end(call.scope, call.graceMs);
    ending.catch(() => undefined); // heard below, when the program itself has ended
  }, call.timeoutMs);
  try {
    const result = await start();
    return { ...result, timedOut: result.timedOut || ending !== undefined };
  } finally {
    clearTimeout(timer);
    await ending;
    if (!call.keep) await containment.end(call.scope, call.graceMs);
  }
}

async function asUser(account: Account, argv: Command, subject: string): Promise<Command> {
  if (account.uid === process.geteuid?.()) return argv;
  if (!(await onSystemPath('setpriv'))) {
    throw new HauloutError({
      code: 'setpriv-missing',
      step: 'service',
      subject,
      reason: 'it cannot be run as its user: this machine has no setpriv',
      hint: 'add the package util-linux (on Alpine: setpriv) to [packages]',
    });
  }
  return ['setpriv', `--reuid=${account.name}`, `--regid=${account.gid}`, '--init-groups', '--', ...argv];
}

async function withOutput(
  result: RunResult,
  log: OutputFile,
  onOutput: ((chunk: Buffer) => void) | undefined,
): Promise<RunResult> {
  const tail = await log.tail();
  if (tail.length > 0) onOutput?.(tail);
  const output = result.output + tail.toString('utf8');
  return { ...result, output, stdout: output };
}
