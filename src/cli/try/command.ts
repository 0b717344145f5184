import { canRunMachines, checkPort, LocalCloud } from '../../cloud/local.ts';
import { asTrouble, HauloutError } from '../../lib/errors.ts';
import { EXIT } from '../../lib/exit.ts';
import { lineLog } from '../../lib/log.ts';
import { distPath } from '../dist-files.ts';
import { type RoleDirectory, readRoleDirectory } from '../role-directory.ts';
import { data, say } from '../talk.ts';
import { untilSignal } from '../until-signal.ts';
import type { Audience } from './events.ts';
import { checkRoles, diskFor, readOptions, sortOutKeep, type TryFlags, type TryOptions } from './options.ts';
import { People } from './people.ts';
import { Session } from './session.ts';

/**
 * `haulout try DIR...`: a cloud, an instance per directory, and the watch over them until Ctrl-C, or until --once or --exec
 * are through. However it ends, nothing is left: the kernel sees to that even after SIGKILL, and the next start to the rest.
 */
export async function tryDirectories(given: readonly string[], flags: TryFlags): Promise<number> {
  try {
    return await untilSignal((stop) => live(given, flags, stop));
  } catch (error) {
    if (flags.events) tellFailure(error);
    throw error;
  }
}

async function live(given: readonly string[], flags: TryFlags, stop: AbortSignal): Promise<number> {
  const options = await readOptions(flags);
  const { directories, keep } = await sortOutKeep(given, flags.keep);
  const roles: RoleDirectory[] = [];
  for (const directory of directories) roles.push(await readRoleDirectory(directory));
  checkRoles(roles);
  await checkAble();
  // The next instances get the ports that follow.
  const ports = roles.map((_, index) => (options.port === 0 ? 0 : options.port + index));
  for (const port of ports) if (port !== 0) await checkPort(port);
  const disks: (string | undefined)[] = [];
  for (const role of roles) disks.push(await diskFor(role, keep, roles));
  if (stop.aborted) return EXIT.interrupted;

  const stays = !options.once && options.exec === undefined;
  const audience: Audience = options.events ? PROGRAMS : new People({ several: roles.length > 1, stays });
  const log = lineLog((line) => process.stderr.write(line), { least: 'warn' });
  // Where instances have no roles, who shall read the bucket must be anybody.
  const anonymousRead = options.dialect === 'openstack';
  const cloud = await LocalCloud.open({ log, gatewayScript: distPath('gateway.mjs'), anonymousRead });
  const sessions = roles.map((role, index) => {
    const own: TryOptions = { ...options, port: ports[index] ?? 0 };
    return new Session({ cloud, role, options: own, disk: disks[index], audience });
  });
  try {
    sessions[0]?.announce();
    return await all(sessions, stop);
  } finally {
    await cloud.close();
    for (const session of sessions) session.terminated();
    audience.end();
    for (const disk of disks) if (disk !== undefined) say(`the disk is kept: ${disk}`);
  }
}

/** Until each is through. When one cannot go on, none does. */
async function all(sessions: readonly Session[], stop: AbortSignal): Promise<number> {
  const broken = new AbortController();
  const signal = AbortSignal.any([stop, broken.signal]);
  const lives = sessions.map((session) =>
    session.live(signal).catch((error) => {
      broken.abort();
      throw error;
    }),
  );
  const ends = await Promise.allSettled(lives);
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
  if (stop.aborted) return EXIT.interrupted;
  const codes = ends.map((end) => (end.status === 'fulfilled' ? end.value : EXIT.failed));
  return codes.find((code) => code !== EXIT.done) ?? EXIT.done;
}

async function checkAble(): Promise<void> {
  const able = await canRunMachines();
  if (able.ok) return;
  const { reason, hint } = able;
  throw new HauloutError({ code: 'not-permitted', step: 'try', subject: 'instance', reason, hint });
}

/** With --events: what the instances' consoles say is for people. */
const PROGRAMS: Audience = {
  event: data,
  console: () => undefined,
  change: () => undefined,
  end: () => undefined,
};

/** Programs read events only: what kept the session from beginning, or broke it, is one too. */
function tellFailure(error: unknown): void {
  const { code, step, subject, reason: cause, hint } = asTrouble(error, 'try', '');
  const at = new Date().toISOString();
  data({ schema: 1, at, instanceId: '', role: '', event: 'failed', code, step, subject, cause, hint });
}
