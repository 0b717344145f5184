import { accessSync, appendFileSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';
import { SYSTEM_ENVIRONMENT } from '../../src/lib/exec.ts';

/** What a group of tests cannot do without. Where it is missing the group is skipped aloud, with the way to get it. */
export interface Need {
  readonly name: string;
  readonly met: boolean;
  readonly get: string;
}

export const root: Need = {
  name: 'root on Linux',
  met: process.platform === 'linux' && process.getuid?.() === 0,
  get: 'run the tests as root on a Linux machine (namespaces and mounts are made)',
};

/**
 * A program of the system, with the Debian package that brings it. Only where tests look for it, too: they run programs with the
 * system's PATH, and one that a version manager of this user has put elsewhere is not found there.
 */
export function command(program: string, debianPackage: string): Need {
  return { name: program, met: onPath(program), get: `apt-get install ${debianPackage}` };
}

/** A program wherever this user has it: for those that a version manager or an environment of Python brings. */
export function program(name: string, get: string): Need & { readonly path: string } {
  const path = directoriesOf(process.env['PATH']).find((directory) => isProgram(join(directory, name)));
  return { name, met: path !== undefined, get, path: join(path ?? '', name) };
}

/** `describe` for tests that need something of the machine. `describeWith([root, command('aws', 'awscli')], 'title', () => {...})` */
export function describeWith(needs: readonly Need[], title: string, body: () => void): void {
  const missing = needs.filter((need) => !need.met);
  note(needs, title);
  if (missing.length === 0) {
    describe(title, body);
    return;
  }
  const words = missing.map((need) => `${need.name} (${need.get})`).join(', ');
  process.stderr.write(`SKIPPED: ${title}: needs ${words}\n`);
  describe.skip(`${title} [needs ${missing.map((need) => need.name).join(', ')}]`, body);
}

/** For a part of a group: whether something is missing, which is then said. `it.skipIf(skippedAloud('a screenshot', [chromium]))` */
export function skippedAloud(title: string, needs: readonly Need[]): boolean {
  const missing = needs.filter((need) => !need.met);
  note(needs, title);
  const words = missing.map((need) => `${need.name} (${need.get})`).join(', ');
  if (missing.length > 0) process.stderr.write(`SKIPPED: ${title}: needs ${words}\n`);
  return missing.length > 0;
}

/** For .ci/run, which counts the tests that needed something: one JSON object a line. */
function note(needs: readonly Need[], title: string): void {
  const log = process.env['HAULOUT_NEEDS_LOG'];
  if (log) appendFileSync(log, `${JSON.stringify({ title, needs: needs.map((need) => need.name) })}\n`);
}

function onPath(program: string): boolean {
  return directoriesOf(SYSTEM_ENVIRONMENT['PATH']).some((directory) => isProgram(join(directory, program)));
}

function directoriesOf(path: string | undefined): readonly string[] {
  return (path ?? '').split(delimiter).filter((directory) => directory !== '');
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
