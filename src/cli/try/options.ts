import { mkdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { SPEC_PATH } from '../../bucket/snapshot.ts';
import { DIALECTS, type Dialect } from '../../cloud/local.ts';
import { parseDuration } from '../../lib/duration.ts';
import { HauloutError } from '../../lib/errors.ts';
import { cronMistake } from '../../spec/cron.ts';
import { readUserData } from '../launch/user-data.ts';
import { checkRoleName, type RoleDirectory, readStart } from '../role-directory.ts';

/** As commander reads them. */
export interface TryFlags {
  readonly once?: boolean;
  readonly events?: boolean;
  readonly schedule: string;
  readonly port?: string;
  readonly keep?: string | true;
  readonly userData?: string;
  readonly exec?: string;
  readonly root?: string;
  readonly upgrade?: boolean;
  readonly timeout: string;
  readonly metadata: string;
}

/** What the flags mean, checked. */
export interface TryOptions {
  readonly once: boolean;
  readonly events: boolean;
  readonly schedule: string;
  /** 0: a free one. */
  readonly port: number;
  readonly userData: Buffer | undefined;
  readonly exec: string | undefined;
  readonly root: string | undefined;
  readonly upgrade: boolean;
  readonly timeoutMs: number;
  readonly dialect: Dialect;
}

export async function readOptions(flags: TryFlags): Promise<TryOptions> {
  const wrong = cronMistake(flags.schedule);
  if (wrong !== undefined) throw usage('--schedule', wrong, 'write a cron expression, such as "*/2 * * * * *"');
  const port = Number(flags.port ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw usage('--port', 'this is no port', 'write 1 to 65535');
  const timeoutMs = parseDuration(flags.timeout);
  if (timeoutMs === undefined) throw usage('--timeout', 'this is no duration', 'write it with a unit, such as 20m');
  const dialect = DIALECTS.find((name) => name === flags.metadata);
  if (!dialect)
    throw usage('--metadata', 'no metadata service is known by this name', `write one of ${DIALECTS.join(', ')}`);
  if (flags.once && flags.exec !== undefined)
    throw usage('--exec', 'it does not go with --once', 'leave one of them out');
  return {
    once: flags.once === true,
    events: flags.events === true,
    schedule: flags.schedule,
    port,
    userData: flags.userData === undefined ? undefined : await readUserData(flags.userData, 'try'),
    exec: flags.exec,
    root: flags.root,
    upgrade: flags.upgrade === true,
    timeoutMs,
    dialect,
  };
}

/**
 * `--keep` may come alone, and the word after it is then a role's directory, not the disk's. A directory with a haulout.ini is
 * a role: nobody wants a disk put into one.
 */
export async function sortOutKeep(
  directories: readonly string[],
  keep: string | true | undefined,
): Promise<{ directories: readonly string[]; keep: string | true | undefined }> {
  if (typeof keep !== 'string') return { directories, keep };
  const isRole = await readStart(join(keep, SPEC_PATH), 1).then(
    () => true,
    () => false,
  );
  return isRole ? { directories: [keep, ...directories], keep: true } : { directories, keep };
}

/** Where the disk of a role's instance is kept, made at need. */
export async function diskFor(
  role: RoleDirectory,
  keep: string | true | undefined,
  all: readonly RoleDirectory[],
): Promise<string | undefined> {
  if (keep === undefined) return undefined;
  const disk = keep === true ? resolve(`haulout-disk-${role.role}`) : join(resolve(keep), role.role);
  for (const { path } of all) {
    if (relative(path, disk).split('/')[0] === '..') continue;
    throw usage('--keep', `${disk} is in a directory that is uploaded`, 'name another place: --keep /var/tmp/disks');
  }
  await mkdir(disk, { recursive: true, mode: 0o700 });
  return disk;
}

/** One of each name: it is the role, and the prefix in the bucket. */
export function checkRoles(roles: readonly RoleDirectory[]): void {
  if (roles.length === 0)
    throw usage('DIR', 'no directory is named', 'name one with a haulout.ini: haulout try planet');
  for (const [index, { role, path }] of roles.entries()) {
    checkRoleName(path, 'try');
    if (roles.findIndex((other) => other.role === role) !== index)
      throw usage(path, `two directories are called ${role}, and the name is the role`, 'rename one of them');
  }
}

function usage(subject: string, reason: string, hint: string): HauloutError {
  return new HauloutError({ code: 'usage', step: 'try', subject, reason, hint });
}
