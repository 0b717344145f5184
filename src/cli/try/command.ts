import { readFile } from 'node:fs/promises';
import { canRunMachines, LocalCloud } from '../../cloud/local.ts';
import { parseDuration } from '../../lib/duration.ts';
import { HauloutError } from '../../lib/errors.ts';
import { EXIT } from '../../lib/exit.ts';
import { lineLog } from '../../lib/log.ts';
import { cronMistake } from '../../spec/cron.ts';
import { distPath } from '../dist-files.ts';
import { type RoleDirectory, readRoleDirectory } from '../role-directory.ts';
import { data } from '../talk.ts';
import type { TryEvent } from './events.ts';
import { tellLine, tellPeople } from './people.ts';
import { Session } from './session.ts';

export interface TryFlags {
  readonly once?: boolean;
  readonly events?: boolean;
  readonly schedule: string;
  readonly port?: string;
  readonly keep?: string;
  readonly userData?: string;
  readonly exec?: string;
  readonly root?: string;
  readonly upgrade?: boolean;
  readonly timeout: string;
}

/** What the flags mean, checked. */
export interface TryOptions {
  readonly once: boolean;
  readonly schedule: string;
  readonly port: number;
  readonly keep: string | undefined;
  readonly userData: Buffer | undefined;
  readonly exec: string | undefined;
  readonly root: string | undefined;
  readonly upgrade: boolean;
  readonly timeoutMs: number;
}

/**
 * `haulout try DIR...`: a cloud, an instance per directory, and the watch over them until Ctrl-C, or until --once or --exec
 * are through. However it ends, nothing is left: the kernel sees to that even after SIGKILL, and the next start to the rest.
 */
export async function tryDirectories(directories: readonly string[], flags: TryFlags): Promise<number> {
  const options = await readOptions(flags);
  const roles: RoleDirectory[] = [];
  for (const directory of directories) roles.push(await readRoleDirectory(directory));
  const able = await canRunMachines();
  if (!able.ok) {
    throw new HauloutError({
      code: 'not-permitted',
      step: 'try',
      subject: 'instance',
      reason: able.reason,
      hint: able.hint,
    });
  }
  const emit = (event: TryEvent) => (flags.events ? data(event) : tellPeople(event, roles.length > 1));
  const stop = new AbortController();
  let interrupted = false;
  const onSignal = () => {
    interrupted = true;
    stop.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  // A reader that went away (`| head`) ends the session as a signal does.
  process.stdout.on('error', onSignal);

  const log = lineLog((line) => process.stderr.write(line), { least: 'warn' });
  const cloud = await LocalCloud.open({ log, gatewayScript: distPath('gateway.mjs') });
  const sessions = roles.map(
    (role) => new Session(cloud, role, options, emit, flags.events ? () => undefined : tellLine),
  );
  try {
    await sessions[0]?.announce();
    const codes = await Promise.all(sessions.map((session) => session.live(stop.signal)));
    return interrupted ? EXIT.interrupted : (codes.find((code) => code !== EXIT.done) ?? EXIT.done);
  } finally {
    await cloud.close();
    for (const session of sessions) session.terminated();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal);
  }
}

async function readOptions(flags: TryFlags): Promise<TryOptions> {
  const wrong = cronMistake(flags.schedule);
  if (wrong !== undefined) throw usage('--schedule', wrong, 'write a cron expression, such as "*/2 * * * * *"');
  const port = Number(flags.port ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw usage('--port', 'this is no port', 'write 1 to 65535');
  const timeoutMs = parseDuration(flags.timeout);
  if (timeoutMs === undefined) throw usage('--timeout', 'this is no duration', 'write it with a unit, such as 20m');
  if (flags.once && flags.exec !== undefined)
    throw usage('--exec', 'it does not go with --once', 'leave one of them out');
  return {
    once: flags.once === true,
    schedule: flags.schedule,
    port,
    keep: flags.keep,
    userData: flags.userData === undefined ? undefined : await readUserData(flags.userData),
    exec: flags.exec,
    root: flags.root,
    upgrade: flags.upgrade === true,
    timeoutMs,
  };
}

async function readUserData(path: string): Promise<Buffer> {
  return await readFile(path).catch(() => {
    throw usage('--user-data', `${path} cannot be read`, 'name a file');
  });
}

function usage(subject: string, reason: string, hint: string): HauloutError {
  return new HauloutError({ code: 'usage', step: 'try', subject, reason, hint });
}
