import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../measure.ts';
import { BUCKET, KEY, REGION } from './content.ts';
import { findS5cmd, VERSION } from './s5cmd.ts';

/** One way to bring a prefix of a bucket to a directory. */
export interface Client {
  readonly name: string;
  readonly version: string;
  /** Files of the bookkeeping in the directory, beside the objects. */
  readonly extra: number;
  sync(prefix: string, directory: string): Command;
}

interface Place {
  readonly url: string;
  /** For configuration files and homes of the clients. */
  readonly scratch: string;
  readonly look: string;
}

/** The same few variables for every client: a proxy or a certificate list of this machine must decide nothing. */
function environment({ scratch }: Place, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const aws = { AWS_ACCESS_KEY_ID: KEY.accessKeyId, AWS_SECRET_ACCESS_KEY: KEY.secretAccessKey, AWS_REGION: REGION };
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return { PATH: path, HOME: scratch, LANG: 'C.UTF-8', ...aws, AWS_DEFAULT_REGION: REGION, ...more };
}

/** Those that are here; for each that is not, `skip` is told how to have it. */
export function findClients(place: Place, skip: (what: string) => void): Client[] {
  const found: (Client | undefined)[] = [haulout(place), ...rclones(place, skip), aws(place, skip), s3cmd(place, skip)];
  return [...found, s5cmd(place, skip)].filter((client) => client !== undefined);
}

function haulout(place: Place): Client {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  return {
    name: 'haulout',
    version: `${version}, Node ${process.version}`,
    extra: 2, // the record of the last look, and the snapshot
    sync: (prefix, directory) => ({
      argv: [process.execPath, place.look, place.url, prefix, directory],
      env: environment(place),
    }),
  };
}

function rclones(place: Place, skip: (what: string) => void): Client[] {
  const program = find('rclone');
  if (program === undefined) {
    skip('rclone: apt-get install rclone');
    return [];
  }
  const words = { TYPE: 's3', PROVIDER: 'Other', ENDPOINT: place.url, REGION, ACCESS_KEY_ID: KEY.accessKeyId };
  const remote = { ...words, SECRET_ACCESS_KEY: KEY.secretAccessKey };
  const named = Object.entries(remote).map(([word, value]) => [`RCLONE_CONFIG_BENCH_${word}`, value]);
  const env = environment(place, { RCLONE_CONFIG: join(place.scratch, 'none'), ...Object.fromEntries(named) });
  const version = firstLine([program, 'version'], env).replace('rclone ', '');
  return [[], ['--use-server-modtime']].map((flags) => ({
    name: ['rclone', ...flags].join(' '),
    version,
    extra: 0,
    sync: (prefix, directory) => ({
      argv: [program, 'sync', '--quiet', ...flags, `bench:${BUCKET}/${prefix}`, directory],
      env,
    }),
  }));
}

function aws(place: Place, skip: (what: string) => void): Client | undefined {
  const program = find('aws');
  if (program === undefined) {
    skip('aws: pip install awscli');
    return undefined;
  }
  const env = environment(place);
  return {
    name: 'aws s3 sync',
    version: firstLine([program, '--version'], env).split(' ')[0]!.replace('aws-cli/', ''),
    extra: 0,
    sync: (prefix, directory) => ({
      argv: [
        program,
        '--endpoint-url',
        place.url,
        's3',
        'sync',
        '--only-show-errors',
        `s3://${BUCKET}/${prefix}`,
        directory,
      ],
      env,
    }),
  };
}

function s3cmd(place: Place, skip: (what: string) => void): Client | undefined {
  const program = find('s3cmd');
  if (program === undefined) {
    skip('s3cmd: apt-get install s3cmd');
    return undefined;
  }
  const config = join(place.scratch, 's3cfg');
  const { host } = new URL(place.url);
  const keys = `access_key = ${KEY.accessKeyId}\nsecret_key = ${KEY.secretAccessKey}\n`;
  writeFileSync(config, `[default]\n${keys}host_base = ${host}\nhost_bucket = ${host}\nuse_https = False\n`);
  const env = environment(place);
  return {
    name: 's3cmd sync',
    version: firstLine([program, '--version'], env).replace('s3cmd version ', ''),
    extra: 0,
    sync: (prefix, directory) => {
      mkdirSync(directory, { recursive: true });
      const argv = [program, '-c', config, '--quiet', 'sync', `s3://${BUCKET}/${prefix}/`, `${directory}/`];
      return { argv, env };
    },
  };
}

function s5cmd(place: Place, skip: (what: string) => void): Client | undefined {
  const found = findS5cmd(skip);
  if (found === undefined) return undefined;
  const env = environment(place);
  return {
    name: 's5cmd sync',
    version: VERSION,
    extra: 0,
    sync: (prefix, directory) => ({
      argv: [
        found,
        '--log',
        'error',
        '--endpoint-url',
        place.url,
        'sync',
        `s3://${BUCKET}/${prefix}/*`,
        `${directory}/`,
      ],
      env,
    }),
  };
}

/** The program itself: what a version manager puts in its place is a script that costs more than some of the clients. */
function find(name: string): string | undefined {
  for (const directory of (process.env['PATH'] ?? '').split(':')) {
    const path = join(directory, name);
    if (!isExecutable(path)) continue;
    if (!directory.endsWith('/shims')) return path;
    try {
      return execFileSync('pyenv', ['which', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {}
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function firstLine([program, ...words]: readonly string[], env: Record<string, string>): string {
  return execFileSync(program!, words, { env, encoding: 'utf8' }).split('\n')[0]!.trim();
}
