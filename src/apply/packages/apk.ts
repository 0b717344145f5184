import { readFile } from 'node:fs/promises';
import { SYSTEM_ENVIRONMENT } from '../../lib/exec.ts';
import { type Argv, collect, type Dialect, LOCK_SECONDS, type Versions } from './dialect.ts';

const OPTIONS = ['--wait', String(LOCK_SECONDS), '--upgrade'] as const;
const DATABASES = ['/lib/apk/db/installed', '/usr/lib/apk/db/installed'];

const act = (...words: string[]): Argv => ['apk', '--wait', String(LOCK_SECONDS), ...words];

/** apk 2 and 3 (Alpine). What is named is written to /etc/apk/world, a version with it: `name=version`. apk(8), apk-add(8). */
export const apk: Dialect = {
  name: 'apk',
  programs: ['apk'],
  databases: DATABASES,
  families: ['alpine'],
  environment: { ...SYSTEM_ENVIRONMENT, LC_ALL: 'C.UTF-8' },
  options: OPTIONS,
  installed: { argv: ['apk', 'info', '-v'], read: parseInfo },
  candidates: (names) => ({ argv: ['apk', 'list', '--upgradable', ...names], read: parseUpgradable }),
  available: (names) => ({ argv: ['apk', 'policy', ...names], read: parsePolicy }),
  refresh: act('update'),
  upgrade: act('upgrade'),
  install: (orders) =>
    act(
      'add',
      ...(orders.some(({ latest }) => latest) ? ['--upgrade'] : []),
      ...orders.map(({ name, version }) => (version === undefined ? name : `${name}=${version}`)),
    ),
  remove: (names) => act('del', ...names),
  meanings: [
    { words: /Unable to lock database/i, means: 'locked' },
    { words: /No space left on device/, means: 'full' },
    { words: /\(no such package\)/, means: 'unknown' },
    { words: /^\d+ unavailable|could not connect|temporary error|network error/im, means: 'unreachable' },
    { words: /^ {4}(?:breaks|conflicts|satisfies): /m, means: 'conflict' },
  ],
  complaint: /^ERROR: (.+(?:\n {2}\S.+)?)$/m,
  repair: { isNeeded: isBroken, steps: [act('fix')] },
};

/**
 * A script that failed, or files that could not be written, are noted at the package (`f:` in the database), and every later
 * apk ends with an error until they are worked off.
 */
async function isBroken(): Promise<boolean> {
  const texts = await Promise.all(DATABASES.map((path) => readFile(path, 'utf8').catch(() => '')));
  return texts.some((text) => /^f:/m.test(text));
}

/** `php83-8.3.1-r0`: the version begins at the last `-` before a digit that is not the release's. */
function splitName(text: string): readonly [name: string, version: string] | undefined {
  const [, name, version] = /^(.+)-(\d[^-]*(?:-r\d+)?)$/.exec(text) ?? [];
  return name && version ? [name, version] : undefined;
}

function parseInfo(text: string): Versions {
  return collect(text.split('\n').flatMap((line) => [splitName(line) ?? []].filter((pair) => pair.length === 2)));
}

/** `tiny-1.1-r0 x86_64 {tiny} (MIT) [upgradable from: tiny-1.0-r0]`, the newest of a name last. */
function parseUpgradable(text: string): Versions {
  const lines = text.split('\n').filter((line) => line.includes('[upgradable from: '));
  const pairs = lines.flatMap((line) => [splitName(line.split(' ')[0] ?? '')].filter((pair) => pair !== undefined));
  return collect(pairs.reverse());
}

/** `apk policy`: `name policy:`, then each version with a colon, the newest last, and below it where it is to be had. */
function parsePolicy(text: string): Versions {
  const pairs: [string, string][] = [];
  let name = '';
  for (const line of text.split('\n')) {
    name = /^(\S+) policy:$/.exec(line)?.[1] ?? name;
    const version = /^ {2}(\S+):$/.exec(line)?.[1];
    if (version !== undefined) pairs.push([name, version]);
  }
  return collect(pairs.reverse());
}
