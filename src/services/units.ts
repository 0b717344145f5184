import { join } from 'node:path';
import { ensureDirectory } from '../lib/durable.ts';
import { type RunResult, run, SYSTEM_ENVIRONMENT } from '../lib/exec.ts';
import { isThere, onSystemPath } from '../lib/present.ts';
import { type Command, type Containment, unitScope } from './contain.ts';
import { OutputFile } from './output-file.ts';

export interface UnitResult {
  readonly ok: boolean;
  readonly code: number | null;
  readonly timedOut: boolean;
  readonly output: string;
}

/** A unit of the system: a systemd unit, or an init script where there is no systemd. Every action has a deadline. */
export interface UnitManager {
  isActive(unit: string): Promise<boolean>;
  start(unit: string, timeoutMs: number): Promise<UnitResult>;
  stop(unit: string, timeoutMs: number): Promise<UnitResult>;
  reload(unit: string, timeoutMs: number): Promise<UnitResult>;
  restart(unit: string, timeoutMs: number): Promise<UnitResult>;
  /** Started at boot from now on. */
  enable(unit: string, timeoutMs: number): Promise<UnitResult>;
}

export type Runner = (argv: Command, timeoutMs: number) => Promise<RunResult>;

const runClean: Runner = (argv, timeoutMs) => run(argv, { env: SYSTEM_ENVIRONMENT, cwd: '/', timeoutMs });

const STATUS_MS = 30_000;

/** `logs`: the directory of HookTools. */
export function unitManager(containment: Containment, logs: string): UnitManager {
  return containment.kind === 'systemd' ? systemdUnits(runClean) : initScripts(containment, logs);
}

export function systemdUnits(execute: Runner): UnitManager {
  const call = async (verb: string, unit: string, timeoutMs: number) =>
    unitResult(await execute(['systemctl', '--no-ask-password', verb, '--', checkUnit(unit)], timeoutMs));
  // By an alias (`mysql`, `sshd`) and for what a generator makes (of fstab) it refuses: those are as enabled as they can be.
  const enable = async (unit: string, timeoutMs: number) => {
    const result = await call('enable', unit, timeoutMs);
    if (result.ok || !(await call('is-enabled', unit, STATUS_MS)).ok) return result;
    // What `enable` does besides: without it a changed file of the unit is not seen.
    return unitResult(await execute(['systemctl', '--no-ask-password', 'daemon-reload'], timeoutMs));
  };
  return {
    isActive: async (unit) => (await call('is-active', unit, STATUS_MS)).ok,
    start: (unit, timeoutMs) => call('start', unit, timeoutMs),
    stop: (unit, timeoutMs) => call('stop', unit, timeoutMs),
    reload: (unit, timeoutMs) => call('reload', unit, timeoutMs),
    restart: (unit, timeoutMs) => call('restart', unit, timeoutMs),
    enable,
  };
}

const INTO = 'exec >>"$1" 2>&1; shift; exec "$@"';

/** LSB: an action that the script does not have. */
const UNIMPLEMENTED = 3;

/**
 * What a script starts lives in the unit's own scope: the daemon outlives the agent, and the agent's cgroup. Its output
 * goes to a file, because a daemon may keep it open.
 */
export function initScripts(containment: Containment, logs: string, directory = '/etc/init.d'): UnitManager {
  const scriptOf = (unit: string) => join(directory, checkUnit(unit).replace(/\.service$/, ''));
  const call = async (verb: string, unit: string, timeoutMs: number): Promise<UnitResult> => {
    const script = scriptOf(unit);
    if (!(await isThere(script))) return missing(script);
    await ensureDirectory(logs);
    const path = join(logs, `unit-${unit}.log`);
    const log = await OutputFile.open(path, { uid: 0, gid: 0 });
    try {
      const scope = unitScope(unit);
      const argv: Command = ['env', '-i', ...environment(containment.cookie(scope)), script, verb];
      const result = await runClean(
        containment.command(scope, ['/bin/sh', '-c', INTO, 'haulout', path, ...argv]),
        timeoutMs,
      );
      return unitResult({ ...result, output: result.output + (await log.tail()).toString('utf8') });
    } finally {
      await log.close();
    }
  };
  // A look starts nothing that stays: it does without a scope, which takes as long as the look itself.
  const isActive = async (unit: string) => {
    const script = scriptOf(unit);
    return (await isThere(script)) && unitResult(await runClean([script, 'status'], STATUS_MS)).ok;
  };
  const reload = async (unit: string, timeoutMs: number) => {
    const result = await call('reload', unit, timeoutMs);
    return result.code === UNIMPLEMENTED ? call('force-reload', unit, timeoutMs) : result;
  };
  return {
    isActive,
    start: (unit, timeoutMs) => call('start', unit, timeoutMs),
    stop: (unit, timeoutMs) => call('stop', unit, timeoutMs),
    reload,
    restart: (unit, timeoutMs) => call('restart', unit, timeoutMs),
    enable: (unit, timeoutMs) => enableScript(unit, timeoutMs, runClean),
  };
}

/** What service(8) leaves of an environment, and the scope's cookie. */
function environment(cookie: string): string[] {
  const { PATH, LANG } = SYSTEM_ENVIRONMENT;
  return [`PATH=${PATH}`, `LANG=${LANG}`, 'TERM=dumb', `HAULOUT_SCOPE=${cookie}`];
}

const ENABLERS: readonly (readonly [string, (unit: string) => Command])[] = [
  ['update-rc.d', (unit) => ['update-rc.d', unit, 'defaults']],
  ['chkconfig', (unit) => ['chkconfig', unit, 'on']],
  ['rc-update', (unit) => ['rc-update', 'add', unit, 'default']],
];

/** By the first tool that is there; where there is none, nothing starts at boot that we could add to. */
async function enableScript(unit: string, timeoutMs: number, execute: Runner): Promise<UnitResult> {
  for (const [program, argv] of ENABLERS) {
    if (await onSystemPath(program)) return unitResult(await execute(argv(checkUnit(unit)), timeoutMs));
  }
  return { ok: true, code: 0, timedOut: false, output: '' };
}

function checkUnit(unit: string): string {
  if (!/^[A-Za-z0-9@_][A-Za-z0-9@_.:-]{0,199}$/.test(unit)) throw new TypeError('not a unit name');
  return unit;
}

function unitResult(result: RunResult): UnitResult {
  const { code, timedOut, output } = result;
  return { ok: code === 0 && !timedOut, code, timedOut, output };
}

function missing(script: string): UnitResult {
  return { ok: false, code: null, timedOut: false, output: `${script} is not there\n` };
}
