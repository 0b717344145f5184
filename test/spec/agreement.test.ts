import fc from 'fast-check';
import { parse as parseIni } from 'ini';
import { expect, it } from 'vitest';
import { Report } from '../../src/spec/report.ts';
import { type Section, scan } from '../../src/spec/scan.ts';

const SEED = Number(process.env['SEED'] ?? 20_261_120);
const RUNS = 5_000;

const name = fc.stringMatching(/^[a-z_0-9-]{1,4}(\.[a-z_0-9-]{1,3}){0,2}$/);
const hostile = fc.constantFrom(
  ...[
    'a',
    'b',
    ' ',
    '\t',
    ';',
    ' ;',
    '#',
    '=',
    '"',
    "'",
    '\\',
    '[',
    ']',
    '[]',
    '.',
    '/',
    '\r',
    '\u00a0',
    '\u2028',
    '\u0000',
  ],
  ...['true', 'null', '{"x":1}', '[1]', '__proto__', 'constructor', '\\"', '\ud83e\uddad', '\ufeff', '\x85'],
);
const scrap = fc.array(hostile, { maxLength: 8 }).map((parts) => parts.join(''));
const quoted = fc.string({ maxLength: 8 }).map((text) => JSON.stringify(text));
const value = fc.oneof(scrap, quoted, fc.constantFrom('', 'true', 'a b', 'x=y', 'a ; note', '"a" ; note'));
const line = fc.oneof(
  { weight: 3, arbitrary: name.map((text) => `[${text}]`) },
  { weight: 6, arbitrary: fc.tuple(name, value).map(([key, text]) => `${key} = ${text}`) },
  { weight: 2, arbitrary: fc.tuple(scrap, value).map(([key, text]) => `${key}=${text}`) },
  { weight: 1, arbitrary: scrap },
  { weight: 1, arbitrary: fc.constantFrom('; note', '# note', '', '  ', '\t; x = 1') },
);
const file = fc
  .tuple(fc.array(line, { maxLength: 8 }), fc.constantFrom('\n', '\r\n'))
  .map(([lines, end]) => ['[first]', ...lines].join(end));

/** `section\u0000key` -> value as text: every leaf that ini.parse made of the text. */
function leaves(tree: Record<string, unknown>, path: readonly string[] = []): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, inside] of Object.entries(tree)) {
    if (typeof inside === 'object' && inside !== null && !Array.isArray(inside))
      for (const leaf of leaves(inside as Record<string, unknown>, [...path, key])) found.set(...leaf);
    else found.set(`${path.join('.')}\u0000${key}`, Array.isArray(inside) ? 'a list' : String(inside));
  }
  return found;
}

/** The two comments that haulout takes and ini.parse misreads: behind a header, and behind a quoted value. */
function bare(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) =>
      line.replace(/^(\[[^\]]*\])[ \t]+;.*$/, '$1').replace(/^([^;=]*=[ \t]*"(?:[^"\\]|\\.)*")[ \t]+;.*$/, '$1'),
    )
    .join('\n');
}

/** What a reader of the line would say the value is, by its place alone. */
function seen(text: string, section: Section): [string, string][] {
  const lines = text.split(/\r?\n/);
  return section.entries.map(({ key, valueAt }) => {
    const characters = [...lines[valueAt.line - 1]!];
    const isQuoted = characters[valueAt.column - 2] === '"';
    const rest = characters.slice(valueAt.column - (isQuoted ? 2 : 1)).join('');
    const plain = (/^;/.test(rest) ? '' : rest.split(/[ \t];/, 1)[0]!).trim();
    return [`${section.name}\u0000${key}`, isQuoted ? String(JSON.parse(bare(`a=${rest}`).slice(2).trim())) : plain];
  });
}

it(`agrees with ini.parse on every text it accepts (seed ${SEED}, ${RUNS} texts)`, () => {
  let accepted = 0;
  const agree = (text: string) => {
    const report = new Report('haulout.ini');
    const { sections } = scan(text, report);
    if (report.mistakes.length > 0) return;
    accepted++;
    const scanned = sections.flatMap(({ name, entries }) =>
      entries.map(({ key, value }): [string, string | undefined] => [`${name}\u0000${key}`, value]),
    );
    expect(Object.fromEntries(scanned)).toEqual(Object.fromEntries(leaves(parseIni(bare(text)))));
    expect(sections.flatMap((section) => seen(text, section))).toEqual(scanned);
  };
  fc.assert(fc.property(file, agree), { seed: SEED, numRuns: RUNS });
  process.stderr.write(`agreement: seed ${SEED}, ${RUNS} texts, ${accepted} accepted\n`);
  expect(accepted).toBeGreaterThan(RUNS / 20);
}, 300_000);
