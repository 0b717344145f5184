import { readdir } from 'node:fs/promises';
import { run, SYSTEM_ENVIRONMENT } from '../../lib/exec.ts';
import { type Argv, collect, type Dialect, LOCK_SECONDS, type Versions } from './dialect.ts';

const OPTIONS = [
  '-y',
  '-q',
  '-o',
  `DPkg::Lock::Timeout=${LOCK_SECONDS}`, // needs apt 1.9.11; older ones ignore it, and are asked again
  '-o',
  'Acquire::Retries=3',
  '-o',
  'Dpkg::Options::=--force-confdef',
  '-o',
  'Dpkg::Options::=--force-confold',
  '-o',
  'Dpkg::Use-Pty=0',
  '-o',
  'APT::Cmd::Pattern-Only=true', // needs apt 2.0; else a name that is nobody's is a regular expression for all that fit it
] as const;

const ENVIRONMENT = {
  ...SYSTEM_ENVIRONMENT,
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
  DEBIAN_PRIORITY: 'critical',
  NEEDRESTART_SUSPEND: '1',
  NEEDRESTART_MODE: 'l',
  APT_LISTCHANGES_FRONTEND: 'none',
};

const aptGet = (...words: string[]): Argv => ['apt-get', ...OPTIONS, ...words];

/**
 * apt and dpkg, as they must be asked by a machine: no questions, an interrupted dpkg repaired first, and needrestart told not
 * to restart what is under us (it has killed cloud-init mid-install). apt-get(8), dpkg-query(1).
 */
export const apt: Dialect = {
  name: 'apt',
  programs: ['apt-get', 'dpkg'],
  databases: ['/var/lib/dpkg/status'],
  locks: ['/var/lib/dpkg/lock-frontend', '/var/lib/apt/lists/lock', '/var/cache/apt/archives/lock'],
  families: ['debian', 'ubuntu'],
  environment: ENVIRONMENT,
  options: OPTIONS,
  installed: {
    argv: ['dpkg-query', '-W', '-f', '${db:Status-Status} ${Package} ${binary:Package} ${Version}\\n'],
    read: parseInstalled,
  },
  candidates: (names) => ({ argv: ['apt-cache', 'policy', ...names], read: parsePolicy }),
  available: (names) => ({ argv: ['apt-cache', 'madison', ...names], read: parseMadison }),
  refresh: aptGet('update'),
  upgrade: aptGet('--with-new-pkgs', 'upgrade'),
  install: (orders) =>
    aptGet(
      'install',
      // Only for a version that the spec names: it may be older than what is there.
      ...(orders.some(({ version }) => version !== undefined) ? ['--allow-downgrades'] : []),
      ...orders.map(({ name, version }) => (version === undefined ? name : `${name}=${version}`)),
    ),
  remove: (names) => aptGet('remove', ...names),
  meanings: [
    { words: /Could not get lock|Unable to acquire the dpkg|locked by another process/, means: 'locked' },
    { words: /No space left on device|enough free space in/, means: 'full' },
    { words: /Unable to locate package|has no installation candidate/, means: 'unknown' },
    { words: /unmet dependencies|held broken packages/, means: 'conflict' },
    { words: /Failed to fetch|Temporary failure resolving|Could not (connect|resolve)/, means: 'unreachable' },
  ],
  complaint: /^E: (.+)$/m,
  repair: {
    isNeeded: isInterrupted,
    steps: [['dpkg', '--configure', '-a', '--force-confold'], aptGet('--fix-broken', 'install')],
  },
};

/**
 * A reboot or a kill in the middle of dpkg leaves journal entries or packages half way; every later apt fails until they are
 * worked off. Another package manager at its work looks the same, so it was waited for first.
 */
async function isInterrupted(): Promise<boolean> {
  const journal = await readdir('/var/lib/dpkg/updates').catch(() => []);
  if (journal.some((name) => /^\d+$/.test(name))) return true;
  const audit = await run(['dpkg', '--audit'], { timeoutMs: 60_000, env: ENVIRONMENT });
  return audit.stdout.trim() !== '';
}

/** By the plain name, and by `name:architecture` where dpkg says it so. */
function parseInstalled(text: string): Versions {
  const rows = text.split('\n').map((line) => line.split(' '));
  return collect(
    rows.flatMap(([status, name, qualified, version]): [string, string][] => {
      if (status !== 'installed' || !name || !qualified || !version) return [];
      return [
        [name, version],
        [qualified, version],
      ];
    }),
  );
}

/** `apt-cache policy`: a line with the package's name and a colon, then indented ones. */
export function parsePolicy(text: string): Versions {
  const candidates: [string, string][] = [];
  let name = '';
  for (const line of text.split('\n')) {
    const head = /^(\S+):$/.exec(line)?.[1];
    if (head !== undefined) name = head;
    const candidate = /^ {2}Candidate: (\S+)$/.exec(line)?.[1];
    if (candidate !== undefined && candidate !== '(none)') candidates.push([name, candidate]);
  }
  return collect(candidates);
}

/** `apt-cache madison`: name, version and archive between bars, the newest of a name first. */
export function parseMadison(text: string): Versions {
  const rows = text.split('\n').map((line) => line.split('|').map((part) => part.trim()));
  return collect(
    rows.flatMap(([name, version, archive]): [string, string][] =>
      name && version && archive?.endsWith(' Packages') ? [[name, version]] : [],
    ),
  );
}
