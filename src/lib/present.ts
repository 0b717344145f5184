import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { SYSTEM_ENVIRONMENT } from './exec.ts';

/** The manager's own socket: /run/systemd/system, which sd_booted(3) looks for, is also made by generators of a machine without it. */
export const SYSTEMD_RUNS = '/run/systemd/private';

export async function isThere(path: string, mode = constants.F_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

export const canExecute = (path: string) => isThere(path, constants.X_OK);

/** `root`: prefix of every path; empty on an instance. */
export async function onSystemPath(program: string, root = ''): Promise<boolean> {
  const directories = SYSTEM_ENVIRONMENT['PATH']!.split(':');
  return (await Promise.all(directories.map((directory) => canExecute(join(root, directory, program))))).includes(true);
}
