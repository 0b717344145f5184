import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type JsonSchema, jsonSchema } from '../../src/spec/json-schema.ts';
import { parseSpec } from '../../src/spec/parse.ts';
import { EXAMPLE_FILE, referencePage } from '../../src/spec/reference.ts';
import { headerOf, SECTIONS } from '../../src/spec/schema.ts';
import { TYPES, type Type } from '../../src/spec/types.ts';

const PAGE = new URL('../../docs/haulout.ini.md', import.meta.url);

describe('the table of the schema', () => {
  const keys = SECTIONS.flatMap((section) =>
    Object.entries(section.keys ?? {}).map(([key, row]) => ({ name: `${headerOf(section)} ${key}`, row })),
  );

  it.each(keys)('$name: its example and its default are good values', ({ row }) => {
    expect(TYPES[row.type].read(row.example)).toHaveProperty('value');
    if (row.default !== undefined) expect(TYPES[row.type].read(row.default)).toHaveProperty('value');
  });

  it('has good examples for the sections with free keys', () => {
    const lines = SECTIONS.filter((section) => section.free).flatMap((section) => [
      headerOf(section),
      ...(section.free?.examples ?? []).map(({ key, value }) => `${key} = ${value}`),
    ]);
    const text = ['[haulout]', 'version = 1', '[service.NAME]', 'unit = x', ...lines]
      .join('\n')
      .replaceAll('NAME', 'web');
    expect(parseSpec(text)).toMatchObject({ ok: true, warnings: [] });
  });
});

describe('docs/haulout.ini.md', () => {
  it('is what the table says (regenerate: UPDATE=1 npx vitest run test/spec)', () => {
    if (process.env['UPDATE'] === '1') writeFileSync(PAGE, referencePage());
    expect(readFileSync(PAGE, 'utf8')).toBe(referencePage());
  });

  it('has an example that parses without a warning', () => {
    expect(parseSpec(EXAMPLE_FILE)).toMatchObject({ ok: true, warnings: [] });
    expect(referencePage()).toContain(EXAMPLE_FILE);
  });
});

describe('the JSON Schema', () => {
  const at = (...path: string[]) => path.reduce((inside, step) => inside[step] as JsonSchema, jsonSchema());

  it('names every section and key of the table, and no other', () => {
    expect(Object.keys(at('properties'))).toEqual(['haulout', 'packages', 'files', 'service', 'job', 'register']);
    const service = at('properties', 'service', 'patternProperties', '^[a-z0-9][a-z0-9_-]{0,62}$');
    const rows = SECTIONS.find((section) => headerOf(section) === '[service.NAME]')?.keys ?? {};
    expect(Object.keys(service['properties'] as JsonSchema)).toEqual([...Object.keys(rows), 'custom']);
    expect(service['additionalProperties']).toBe(false);
  });

  it('holds types, defaults and what is required', () => {
    expect(at('properties', 'haulout')['required']).toEqual(['version']);
    expect(at('properties', 'haulout', 'properties', 'splay')).toMatchObject({ type: 'string', default: '30s' });
    expect(at('properties', 'haulout', 'properties', 'upgrade')['enum']).toEqual(['boot', 'never', '']);
    expect(at()['required']).toEqual(['haulout']);
  });

  it('has only patterns that the examples fit', () => {
    for (const row of SECTIONS.flatMap((section) => Object.values(section.keys ?? {}))) {
      const type: Type<unknown> = TYPES[row.type];
      if (type.pattern !== undefined) expect(row.example).toMatch(new RegExp(type.pattern));
    }
  });
});
