import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  cycles,
  foreignValues,
  importsOf,
  impureNames,
  ROOMS,
  roomOf,
  wrongRooms,
  wrongShapes,
} from '../support/source-rules.ts';

const top = fileURLToPath(new URL('../..', import.meta.url));
const sources = new Map(
  readdirSync(join(top, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mjs)$/.test(name))
    .map((name) => [`src/${name}`, readFileSync(join(top, 'src', name), 'utf8')]),
);
const imports = importsOf(sources);

describe('the rooms of DESIGN §3', () => {
  it('are the folders of src/', () => {
    const found = new Set([...sources.keys()].map(roomOf).filter((room) => room !== undefined));
    expect([...found].filter((room) => !ROOMS.includes(room))).toEqual([]);
    expect(sources.size).toBeGreaterThan(150);
    expect(imports.length).toBeGreaterThan(500);
  });

  it('import only from rooms to their left; cloud only from lib and aws', () => {
    expect(wrongRooms(imports)).toEqual([]);
  });

  it('import only files that are there', () => {
    const there = (to: string) =>
      sources.has(to) || sources.has(to.replace(/\.mjs$/, '.d.mts')) || to.endsWith('.json');
    const lost = imports.filter(({ to }) => to !== undefined && !there(to));
    expect(lost.map(({ from, line, word }) => `${from}:${line}: ${word}`)).toEqual([]);
  });

  it('plan/ names no clock, no chance and nothing else from outside', () => {
    expect(impureNames(sources, 'plan')).toEqual([]);
    const planted = new Map([['src/plan/a.ts', 'export const a = () => Date.now() + Math.random();\n']]);
    expect(impureNames(planted, 'plan')).toEqual(['src/plan/a.ts:1: Date', 'src/plan/a.ts:1: Math.random']);
  });

  it('plan/ reaches no node: module and no package by what it imports by value', () => {
    expect(foreignValues(imports, 'plan')).toEqual([]);
  });

  it('have no import cycle among files', () => {
    expect(cycles(imports)).toEqual([]);
  });

  it('have no vague folder, no barrel, no default export and no file over 300 lines', () => {
    expect(wrongShapes(sources)).toEqual([]);
  });
});

describe('the rules themselves', () => {
  const check = (files: Record<string, string>) => importsOf(new Map(Object.entries(files)));

  it('see every kind of import, and name the line', () => {
    const text = [
      "import a from './a.ts';",
      "import type { B } from './b.ts';",
      "import { type C } from './c.ts';",
      "export * from './d.ts';",
      "type E = import('./e.ts').E;",
      "const f = await import('./f.ts');",
      "import './g.ts';",
      '// import "./h.ts"',
    ].join('\n');
    const seen = check({ 'src/lib/x.ts': text }).map(({ to, line, typeOnly }) => `${line} ${to} ${typeOnly}`);
    expect(seen).toEqual([
      '1 src/lib/a.ts false',
      '2 src/lib/b.ts true',
      '3 src/lib/c.ts false',
      '4 src/lib/d.ts false',
      '5 src/lib/e.ts true',
      '6 src/lib/f.ts false',
      '7 src/lib/g.ts false',
    ]);
  });

  it('refuse a type from the right, cloud importing spec, and anyone but cli importing cloud', () => {
    const found = check({
      'src/lib/a.ts': "\nimport type { Plan } from '../plan/step.ts';",
      'src/cloud/b.ts': "import { x } from '../spec/spec.ts';\nimport { y } from '../aws/imds.ts';",
      'src/agent/c.ts': "import { z } from '../cloud/local.ts';",
      'src/cli/d.ts': "import { z } from '../cloud/local.ts';",
    });
    expect(wrongRooms(found)).toEqual([
      "src/lib/a.ts:2: '../plan/step.ts': lib may not import plan",
      "src/cloud/b.ts:1: '../spec/spec.ts': cloud may not import spec",
      "src/agent/c.ts:1: '../cloud/local.ts': agent may not import cloud",
    ]);
  });

  it('follow values, not types, to node: modules', () => {
    const found = check({
      'src/plan/a.ts': "import { b } from '../ledger/b.ts';\nimport type { c } from '../ledger/c.ts';",
      'src/ledger/b.ts': "import { d } from './d.ts';",
      'src/ledger/c.ts': "import fs from 'node:fs';",
      'src/ledger/d.ts': "\nimport os from 'node:os';",
    });
    expect(foreignValues(found, 'plan')).toEqual([
      "src/ledger/d.ts:2: 'node:os': reached as src/plan/a.ts > src/ledger/b.ts > src/ledger/d.ts",
    ]);
  });

  it('see a cycle of values once, and none of types', () => {
    const found = check({
      'src/lib/a.ts': "import { b } from './b.ts';",
      'src/lib/b.ts': "import { c } from './c.ts';",
      'src/lib/c.ts': "import { a } from './a.ts';\nimport type { b } from './b.ts';",
    });
    expect(cycles(found)).toEqual([
      "src/lib/c.ts:1: './a.ts': closes src/lib/a.ts > src/lib/b.ts > src/lib/c.ts > src/lib/a.ts",
    ]);
  });

  it('see vague folders, barrels, default exports and long files', () => {
    const files = {
      'src/lib/utils/a.ts': 'export default 1;\n',
      'src/lib/index.ts': '\nexport default function x() {}\n',
      'src/lib/c.ts': 'const x = 1;\nexport { x as default };\n',
      'src/lib/d.ts': '\n'.repeat(301),
    };
    expect(wrongShapes(new Map(Object.entries(files)))).toEqual([
      'src/lib/utils/a.ts:1: a folder named for nothing',
      'src/lib/utils/a.ts:1: a default export',
      'src/lib/index.ts:1: a barrel',
      'src/lib/index.ts:2: a default export',
      'src/lib/c.ts:2: a default export',
      'src/lib/d.ts:300: 301 lines',
    ]);
  });
});
