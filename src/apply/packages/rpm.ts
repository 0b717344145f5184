import { collect, type Question, type Versions } from './dialect.ts';

/** Where rpm keeps its database: in sqlite, ndb or Berkeley DB, in the older place or the newer one. */
export const RPM_DATABASES = ['/var/lib/rpm', '/usr/lib/sysimage/rpm'].flatMap((directory) =>
  ['rpmdb.sqlite', 'rpmdb.sqlite-wal', 'Packages.db', 'Packages'].map((file) => `${directory}/${file}`),
);

/** One package a line, with tabs between: name, epoch:version-release. */
export const RPM_INSTALLED: Question<Versions> = {
  argv: ['rpm', '-qa', '--queryformat', '%{NAME}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n'],
  read: readRows,
};

export function readRows(text: string): Versions {
  const rows = text.split('\n').map((line) => line.split('\t'));
  return newestFirst(rows.flatMap(([name, version]): [string, string][] => (name && version ? [[name, version]] : [])));
}

/** Epoch 0 is written by nobody, and means the same as none. */
export function newestFirst(pairs: readonly (readonly [name: string, version: string])[]): Versions {
  const bare = pairs.map(([name, version]) => [name, version.replace(/^0:/, '')] as const);
  return collect(bare.sort(([, a], [, b]) => compareEvr(b, a)));
}

/** Order of `epoch:version-release`, each part as rpm compares it. */
export function compareEvr(a: string, b: string): number {
  const left = splitEvr(a);
  const right = splitEvr(b);
  return (
    compareParts(left.epoch, right.epoch) ||
    compareParts(left.version, right.version) ||
    compareParts(left.release, right.release)
  );
}

function splitEvr(text: string): { epoch: string; version: string; release: string } {
  const [, epoch = '0', version = '', release = ''] = /^(?:(\d+):)?(.*?)(?:-([^-]*))?$/.exec(text) ?? [];
  return { epoch, version, release };
}

/**
 * rpmvercmp (rpm.org, "Comparing versions"): runs of digits by number, runs of letters by letter, digits before letters;
 * `~` sorts before everything, even the end, and `^` after the end, but before anything else.
 */
function compareParts(a: string, b: string): number {
  const left = partsOf(a);
  const right = partsOf(b);
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const order = comparePart(left[at] ?? '', right[at] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

const partsOf = (text: string): string[] => text.match(/\d+|[A-Za-z]+|[~^]/g) ?? [];

/** `~`, the end, `^`, letters, digits: in this order. */
function rank(part: string): number {
  if (part === '~') return 0;
  if (part === '') return 1;
  if (part === '^') return 2;
  return /^\d/.test(part) ? 4 : 3;
}

function comparePart(a: string, b: string): number {
  const order = rank(a) - rank(b);
  if (order !== 0) return order;
  if (rank(a) !== 4) return a < b ? -1 : Number(a > b);
  const left = a.replace(/^0+/, '');
  const right = b.replace(/^0+/, '');
  return left.length - right.length || (left < right ? -1 : Number(left > right));
}
