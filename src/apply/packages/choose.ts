import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HauloutError } from '../../lib/errors.ts';
import { isThere, onSystemPath } from '../../lib/present.ts';
import { apk } from './apk.ts';
import { apt } from './apt.ts';
import type { Dialect } from './dialect.ts';
import { dnf } from './dnf.ts';
import { type ManagerTools, packageManager } from './driver.ts';
import type { PackageManager } from './manager.ts';
import { zypper } from './zypper.ts';

const DIALECTS: readonly Dialect[] = [apt, dnf, zypper, apk];

/** The manager this machine has. `root`: prefix of every path that is looked at; empty on an instance. */
export async function choosePackageManager(tools: ManagerTools, root = ''): Promise<PackageManager> {
  const dialect = await chooseDialect(root);
  return dialect ? packageManager(dialect, tools) : noPackageManager(tools);
}

/**
 * One whose programs and database are there. Debian has packages of dnf and zypper, Fedora of apt: where there are several, the
 * one of the machine's own family counts.
 */
export async function chooseDialect(root = ''): Promise<Dialect | undefined> {
  const there: Dialect[] = [];
  for (const dialect of DIALECTS) if (await isUsable(dialect, root)) there.push(dialect);
  if (there.length < 2) return there[0];
  const words = await familyOf(root);
  return there.find(({ families }) => families.some((family) => words.includes(family))) ?? there[0];
}

async function isUsable({ programs, databases }: Dialect, root: string): Promise<boolean> {
  const found = await Promise.all(programs.map((program) => onSystemPath(program, root)));
  const known = await Promise.all(databases.map((path) => isThere(join(root, path))));
  return !found.includes(false) && known.includes(true);
}

/** os-release(5): what this system is, and what it is like. */
async function familyOf(root: string): Promise<string[]> {
  const text = await readFile(join(root, '/etc/os-release'), 'utf8').catch(() => '');
  return [...text.matchAll(/^ID(?:_LIKE)?=["']?([^"'\n]*)/gm)].flatMap(([, words = '']) => words.split(' '));
}

/** A role without packages needs no manager; whoever asks for one is told. */
function noPackageManager({ onWarning }: ManagerTools): PackageManager {
  const refuse = (names: readonly string[]): Promise<never> => {
    throw new HauloutError({
      code: 'no-package-manager',
      step: 'packages',
      subject: `package:${names[0] ?? '*'}`,
      reason: `this machine has no package manager that haulout knows: ${DIALECTS.map(({ name }) => name).join(', ')}`,
      hint: 'take the packages out of haulout.ini, or launch an image that has one of them',
    });
  };
  return {
    name: 'none',
    installed: async (names) => (names.length === 0 ? {} : refuse(names)),
    candidates: async (names) => (names.length === 0 ? {} : refuse(names)),
    install: async (packages) => (packages.length === 0 ? undefined : refuse(packages.map(({ name }) => name))),
    remove: async (names) => (names.length === 0 ? undefined : refuse(names)),
    async upgrade() {
      onWarning?.('there is no package manager here: nothing was upgraded');
    },
  };
}
