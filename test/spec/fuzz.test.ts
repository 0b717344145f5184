import { expect, it } from 'vitest';
import { cronMistake } from '../../src/spec/cron.ts';
import { parseOverride, parseSpec } from '../../src/spec/parse.ts';
import { EXAMPLE_FILE } from '../../src/spec/reference.ts';

const SEED = Number(process.env['SEED'] ?? 20_261_120);
const COUNT = 20_000;
/** A loaded machine takes many times the 10 s of an idle one. */
const PATIENCE_MS = 300_000;
const PIECES = [
  ...[
    '[',
    ']',
    '[service.x]',
    '[service.x.custom]',
    '[files]',
    '[job.y]',
    '__proto__',
    'constructor',
    'toString',
    '=',
    ' = ',
  ],
  ...[
    '"',
    "'",
    '\\',
    '#',
    ' ;',
    '\r',
    '\n',
    '\r\n',
    '\u0000',
    '\ufeff',
    '\u2028',
    '\ud800',
    '\ud83e\uddad',
    '\u00a0',
    '*',
    '**',
  ],
  ...[
    '1-99999999999',
    '*/0',
    '9'.repeat(400),
    '/',
    '..',
    '{',
    'mode=',
    'link=',
    'owner=',
    'tcp:',
    'http://',
    'package:',
    ',',
  ],
  ...[
    'true',
    'null',
    '[]',
    '{"a":1}',
    '7d',
    '0s',
    'L',
    '30W',
    'MON#5',
    '@daily',
    'UTC',
    '-',
    '.',
    '\t',
    'schedule',
    'watch',
  ],
];

/** mulberry32: the same inputs for the same seed on every machine. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function mutated(text: string, random: (below: number) => number): string {
  let result = text;
  for (let left = 1 + random(6); left > 0; left--) {
    const from = random(result.length + 1);
    const to = from + random(12);
    const kinds = [
      () => PIECES[random(PIECES.length)]!,
      () => '',
      () => result.slice(from, to).repeat(2),
      () => String.fromCharCode(random(0x300)),
    ];
    result = result.slice(0, from) + kinds[random(kinds.length)]!() + result.slice(random(2) ? to : from);
  }
  return result;
}

function noise(random: (below: number) => number): string {
  return Array.from({ length: random(40) }, () => PIECES[random(PIECES.length)]!).join('');
}

it(
  `never throws, hangs or pollutes (seed ${SEED}, ${COUNT} inputs)`,
  () => {
    const random = randomFrom(SEED);
    const before = Reflect.ownKeys(Object.prototype);
    let good = 0;
    let slowest = 0;
    for (let index = 0; index < COUNT; index++) {
      const text = index % 4 === 0 ? noise(random) : mutated(EXAMPLE_FILE, random);
      const input = index % 5 === 0 ? Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff) : text;
      const started = performance.now();
      const parsed = parseSpec(input);
      parseOverride(input);
      cronMistake(text.slice(0, 60));
      slowest = Math.max(slowest, performance.now() - started);
      if (parsed.ok) good++;
      else expect(parsed.mistakes.length).toBeGreaterThan(0);
      for (const { at } of parsed.ok ? parsed.warnings : parsed.mistakes)
        if (!(at.line >= 1 && at.column >= 1)) throw new Error(`no place in input ${index}`);
    }
    expect(Reflect.ownKeys(Object.prototype)).toEqual(before);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
    expect(good).toBeGreaterThan(COUNT / 100);
    expect(slowest).toBeLessThan(10_000);
    process.stderr.write(`fuzz: seed ${SEED}, ${COUNT} inputs, ${good} good, slowest ${slowest.toFixed(0)} ms\n`);
  },
  PATIENCE_MS,
);

it.each([
  ['lines without end', '['.repeat(1_000_000)],
  ['headers', '[a]\n'.repeat(250_000)],
  ['dots', `[${'a.'.repeat(4_000)}a]\nb = 1\n`],
  ['stars', `[haulout]\nversion = 1\n[service.a]\nunit = a\nwatch = /a/${'*'.repeat(8_000)}\n`],
  ['blanks', `[haulout]\nversion =${' '.repeat(8_000)}1x\n`.repeat(100)],
  ['keys that are one section', `[a]\n${'b = 1\n'.repeat(100_000)}`],
])('reads hostile %s in time', (_name, text) => {
  const started = performance.now();
  parseSpec(text);
  expect(performance.now() - started).toBeLessThan(20_000);
});
