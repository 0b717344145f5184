import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** What every Linux has: the shell part of the launcher counts on these and no others. */
const EVERYWHERE =
  'sh base64 cat chmod cut date env gzip head id mkdir mv od printf rm sed sha256sum sleep sync tail tee timeout tr uname wc grep';

/** A directory for PATH that holds what every machine has, and of the rest these programs alone. */
export async function toolbox(directory: string, programs: readonly string[]): Promise<string> {
  const bin = join(directory, 'bin');
  await rm(bin, { recursive: true, force: true });
  await mkdir(bin, { recursive: true });
  for (const name of [...EVERYWHERE.split(' '), ...programs]) {
    const [as, program = as] = name.split('=') as [string, string?];
    await symlink(program.startsWith('/') ? program : systemProgram(program), join(bin, as));
  }
  return bin;
}

/** Where the system itself has it: not what a version manager put before it. */
export function systemProgram(name: string): string {
  for (const directory of ['/usr/bin', '/bin', '/usr/sbin', '/sbin']) {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return join(directory, name);
    } catch {
      // In the next one, or nowhere.
    }
  }
  return execFileSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
}
