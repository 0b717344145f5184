import { SYSTEM_ENVIRONMENT } from '../../lib/exec.ts';
import { type Argv, type Dialect, LOCK_SECONDS, type Versions } from './dialect.ts';
import { newestFirst, RPM_DATABASES, RPM_INSTALLED } from './rpm.ts';

const OPTIONS = ['--non-interactive', '--no-refresh', '--auto-agree-with-licenses', '--oldpackage'] as const;

/** The lists are fetched by `refresh`, and by nothing else. */
const act = (...words: string[]): Argv => ['zypper', '--non-interactive', '--no-refresh', ...words];
const ask = (...words: string[]): Argv => act('--xmlout', ...words);

/** zypper(8), "EXIT CODES". What is 100 or more and not an error of its own tells something about what was done. */
export const zypper: Dialect = {
  name: 'zypper',
  programs: ['zypper', 'rpm'],
  databases: RPM_DATABASES,
  families: ['suse', 'opensuse'],
  environment: { ...SYSTEM_ENVIRONMENT, LC_ALL: 'C.UTF-8', ZYPP_LOCK_TIMEOUT: String(LOCK_SECONDS) },
  options: OPTIONS,
  installed: RPM_INSTALLED,
  candidates: () => ({ argv: ask('list-updates', '--type', 'package'), read: (xml) => editions(xml, 'update') }),
  available: (names) => ({
    argv: ask('search', '--details', '--match-exact', '--type', 'package', ...names),
    read: (xml) => editions(xml, 'solvable'),
  }),
  refresh: ['zypper', '--non-interactive', 'refresh'],
  upgrade: act('update', '--auto-agree-with-licenses'),
  install: (orders) =>
    act(
      'install',
      '--auto-agree-with-licenses',
      // Only for a version that the spec names: it may be older than what is there.
      ...(orders.some(({ version }) => version !== undefined) ? ['--oldpackage'] : []),
      ...orders.map(({ name, version }) => (version === undefined ? name : `${name}=${version}`)),
    ),
  remove: (names) => act('remove', '--no-clean-deps', ...names),
  meanings: [
    ...[100, 101, 102, 103, 106, 107].map((code) => ({ code, means: 'done' as const })),
    { code: 7, means: 'locked' },
    { code: 104, means: 'unknown' },
    { code: 6, means: 'unreachable' },
    { words: /No space left on device|not enough (?:disk )?space/i, means: 'full' },
    { words: /Download \(curl\) error|Problem retrieving|Failed to (?:retrieve|download)/, means: 'unreachable' },
    { words: /^Problem: /m, means: 'conflict' },
  ],
  complaint: /^(No provider of .+|System management is locked.+|Problem: .+|.*[Ee]rror.*)$/m,
};

/** Attributes of elements without content; names and versions of packages hold nothing that XML would quote. */
function editions(xml: string, element: string): Versions {
  const found = xml.match(new RegExp(`<${element} [^>]*>`, 'g')) ?? [];
  return newestFirst(
    found.flatMap((tag): [string, string][] => {
      const name = / name="([^"]*)"/.exec(tag)?.[1];
      const edition = / edition="([^"]*)"/.exec(tag)?.[1];
      return name && edition ? [[name, edition]] : [];
    }),
  );
}
