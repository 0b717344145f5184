import { SYSTEM_ENVIRONMENT } from '../../lib/exec.ts';
import type { Argv, Dialect, Order } from './dialect.ts';
import { RPM_DATABASES, RPM_INSTALLED, readRows } from './rpm.ts';

const OPTIONS = ['-y'] as const;
const dnf4 = (...words: string[]): Argv => ['dnf', ...OPTIONS, ...words];

/** dnf 4 ends each answer with a newline of its own, dnf 5 does not: the empty lines of the one are passed over. */
const ask = (...words: string[]): Argv => [
  'dnf',
  '-q',
  'repoquery',
  '--queryformat',
  '%{name}\\t%{epoch}:%{version}-%{release}\\n',
  ...words,
];

/** `name-epoch:version-release`. An installed package is upgraded only to a version that is named, unless `best` is set. */
function nevr({ name, version, candidate }: Order): string {
  const exact = version ?? candidate;
  return exact === undefined ? name : `${name}-${exact}`;
}

/**
 * dnf 4 (Amazon Linux 2023, RHEL 8 to 10 and kin) and dnf 5 (Fedora since 41). The older one waits for its lock, without an
 * end but the time limit; the newer one gives up at once, and is asked again. dnf(8), "Exit codes".
 */
export const dnf: Dialect = {
  name: 'dnf',
  programs: ['dnf', 'rpm'],
  databases: RPM_DATABASES,
  families: ['fedora', 'rhel', 'centos', 'amzn'],
  environment: { ...SYSTEM_ENVIRONMENT, LC_ALL: 'C.UTF-8' },
  options: OPTIONS,
  installed: RPM_INSTALLED,
  candidates: (names) => ({ argv: ask('--upgrades', '--latest-limit=1', ...names), read: readRows }),
  available: (names) => ({ argv: ask(...names), read: readRows }),
  refresh: dnf4('--refresh', 'makecache'),
  upgrade: dnf4('upgrade'),
  install: (orders) => dnf4('install', ...orders.map(nevr)),
  // What came along with it stays: nobody said that it shall go.
  remove: (names) => dnf4('remove', '--setopt=clean_requirements_on_remove=False', ...names),
  meanings: [
    { code: 0, means: 'done' },
    { code: 200, means: 'locked' },
    { words: /transaction lock|Another transaction is in progress/i, means: 'locked' },
    { words: /No space left on device|more space needed on/, means: 'full' },
    { words: /Unable to find a match|No match for argument/, means: 'unknown' },
    { words: /^ ?Problem: |nothing provides/m, means: 'conflict' },
    { words: /Failed to download|Cannot download|Curl error/, means: 'unreachable' },
  ],
  complaint: /^ ?(?:(No match for argument: .+)|(?:Error|Problem(?: \d+)?|Transaction failed): (\S.*(?:\n +- .+)?))$/m,
};
