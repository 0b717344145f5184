import fc from 'fast-check';

/** Names of entries: good ones, and every way that is known to lead out of a directory or into trouble. */
export const NAMES: readonly string[] = [
  ...[
    'bin/start',
    'bin/configure',
    'cfg/',
    'etc/run/setup',
    'lib/a',
    'lib/b/c',
    'web-1.0/bin/start',
    'README',
    './',
    './bin/',
    'a',
  ],
  ...[
    '..',
    '../canary',
    '../../canary',
    'a/../../canary',
    '/etc/passwd',
    '//etc/passwd',
    '/',
    '.',
    '',
    'a//b',
    'a/./b',
    './../x',
  ],
  ...[
    '..\\canary',
    'C:\\x',
    'C:/x',
    '\\\\host\\share',
    'a\u0000b',
    'a\nb',
    '\u001b[2J',
    '\ufffd',
    'BIN/START',
    'Lib/A',
    'u\u0308',
    '\u00fc',
  ],
  ...[
    '__proto__',
    'constructor',
    'con',
    'a'.repeat(255),
    'a'.repeat(256),
    'd/'.repeat(40),
    `${'d/'.repeat(31)}f`,
    'x'.repeat(5_000),
  ],
];

/** Mostly names that nobody minds, each likely to be there once. */
export const someName: fc.Arbitrary<string> = fc.oneof(
  { weight: 7, arbitrary: fc.nat(9_999).map((number) => `lib/${number % 7}/${number}`) },
  { weight: 1, arbitrary: fc.constantFrom(...NAMES) },
);
