import { execFile } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { DESK } from '../docs/cli.ts';

/**
 * Programs on a PATH of the test's own. `aws` is the real one, sent to the test's endpoint. Those of Eucalyptus and OpenStack
 * are not: they write down their arguments and the user-data file that they were given, check nothing, and print the line that
 * a script goes on with. Whether the arguments are right, the test says by the tables below.
 */
export interface Called {
  readonly argv: readonly string[];
  /** The file that an argument names as user-data, as it was then. */
  readonly userdata?: string;
}

/** `-x` with a value: true. From euca2ools/commands/ec2/*.py at 6b3f62f2, and from `openstack help` of python-openstackclient 6.0. */
const GRAMMARS: Readonly<Record<string, { readonly flags: Record<string, boolean>; readonly words: number }>> = {
  'euca-run-instances': {
    flags: { '-t': true, '-k': true, '-g': true, '-p': true, '-f': true, '-n': true, '-z': true, '-s': true },
    words: 1,
  },
  'euca-describe-instances': { flags: { '--filter': true }, words: 1 },
  'euca-associate-address': { flags: { '-i': true, '-a': true }, words: 1 },
  'openstack server create': {
    flags: {
      '--image': true,
      '--flavor': true,
      '--network': true,
      '--key-name': true,
      '--security-group': true,
      '--user-data': true,
      '--wait': false,
    },
    words: 1,
  },
  'openstack server add floating ip': { flags: { '--fixed-ip-address': true }, words: 2 },
};

const PRINTS: Readonly<Record<string, string>> = {
  'euca-run-instances': 'RESERVATION\tr-1\t1234\nINSTANCE\ti-12345678\temi-12345678\tpending',
  'euca-describe-instances': 'INSTANCE\ti-12345678\temi-12345678\trunning',
};

/** Makes the programs in `bin`; returns a PATH that has them first. */
export function cloudTools(bin: string, endpoint: string): string {
  const path = `${bin}${delimiter}${process.env['PATH'] ?? ''}`;
  program(bin, 'haulout', `exec '${process.execPath}' '${DESK}' "$@"`);
  const aws = (process.env['PATH'] ?? '').split(delimiter).find((directory) => existsSync(join(directory, 'aws')));
  if (aws !== undefined) program(bin, 'aws', `exec '${join(aws, 'aws')}' "$@" --endpoint-url '${endpoint}'`);
  for (const name of ['euca-run-instances', 'euca-describe-instances', 'euca-associate-address', 'openstack'])
    program(bin, name, recorder(name));
  return path;
}

function recorder(name: string): string {
  const write = `require('fs').appendFileSync(process.env.CALLS, JSON.stringify(process.argv.slice(1)) + '\\n')`;
  return `'${process.execPath}' -e "${write}" ${name} "$@"; printf '%s\\n' '${PRINTS[name] ?? ''}'`;
}

function program(bin: string, name: string, line: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${line}\n`);
  chmodSync(join(bin, name), 0o755);
}

/** Runs a launch script in a directory; resolves with what it called. Rejects with its own words. */
export async function runScript(
  script: string,
  how: { readonly directory: string; readonly path: string; readonly env: Readonly<Record<string, string>> },
): Promise<readonly Called[]> {
  const calls = join(how.directory, 'calls');
  const env = { PATH: how.path, HOME: process.env['HOME'] ?? how.directory, CALLS: calls, ...how.env };
  await new Promise<void>((resolve, reject) => {
    execFile('/bin/sh', [script], { cwd: how.directory, env, timeout: 60_000 }, (error, _, stderr) =>
      error ? reject(new Error(`${error.message}\n${stderr}`)) : resolve(),
    );
  });
  const lines = existsSync(calls) ? readFileSync(calls, 'utf8').trimEnd().split('\n') : [];
  return lines.map((line) => {
    const argv = JSON.parse(line) as string[];
    const at = argv.findIndex((word) => word === '-f' || word === '--user-data');
    return at < 0 ? { argv } : { argv, userdata: readFileSync(join(how.directory, argv[at + 1] ?? ''), 'utf8') };
  });
}

/** What of a call is not in its grammar. */
export function outsideGrammar(argv: readonly string[]): string[] {
  const name = Object.keys(GRAMMARS).find((known) => argv.join(' ').startsWith(`${known} `));
  if (name === undefined) return [`no such command: ${argv.join(' ')}`];
  const { flags, words } = GRAMMARS[name]!;
  const rest = argv.slice(name.split(' ').length);
  const wrong: string[] = [];
  let found = 0;
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index]!;
    if (!word.startsWith('-')) found++;
    else if (flags[word] === undefined) wrong.push(`${name}: no flag ${word}`);
    else if (flags[word]) index++;
  }
  return found === words ? wrong : [...wrong, `${name}: ${found} words instead of ${words}`];
}
