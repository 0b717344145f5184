import { type KeyRow, SECTIONS, type SectionRow } from './schema.ts';
import { TYPES, type Type, type TypeName } from './types.ts';

export type JsonSchema = { readonly [key: string]: string | number | boolean | readonly string[] | JsonSchema };

const KEY_PATTERNS = {
  package: '^[A-Za-z0-9][A-Za-z0-9+._:-]*$',
  path: '^/[^/]',
  custom: '^[A-Za-z_][A-Za-z0-9_.-]*$',
};
const NAME_PATTERN = '^[a-z0-9][a-z0-9_-]{0,62}$';

/** The file as JSON: sections are objects, names of services and jobs one level below, every value the text as written. */
export function jsonSchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'haulout.ini',
    description: 'The desired state of the instances of one role.',
    ...objectOf(
      childrenOf([]),
      SECTIONS.filter((row) => row.required).map((row) => row.path[0]!),
    ),
  };
}

function objectOf(properties: Readonly<Record<string, JsonSchema>>, required: readonly string[]): JsonSchema {
  return { type: 'object', properties, required, additionalProperties: false };
}

function childrenOf(path: readonly string[]): Readonly<Record<string, JsonSchema>> {
  const below = SECTIONS.filter((row) => path.every((part, index) => row.path[index] === part));
  const names = new Set(below.flatMap((row) => row.path.slice(path.length, path.length + 1)));
  return Object.fromEntries([...names].map((name) => [name, sectionSchema([...path, name])]));
}

function sectionSchema(path: readonly string[]): JsonSchema {
  const row = SECTIONS.find((section) => section.path.join('.') === path.join('.'));
  const children = childrenOf(path);
  if (!row) {
    const named = children['NAME'];
    return { type: 'object', patternProperties: named ? { [NAME_PATTERN]: named } : {}, additionalProperties: false };
  }
  return { description: row.says, ...(row.free ? freeSchema(row) : keysSchema(row, children)) };
}

function keysSchema(row: SectionRow, children: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const keys = Object.entries(row.keys ?? {});
  const properties = Object.fromEntries(keys.map(([key, keyRow]) => [key, keySchema(keyRow)]));
  const required = keys.filter(([, keyRow]) => keyRow.required).map(([key]) => key);
  return objectOf({ ...properties, ...children }, required);
}

function freeSchema({ free }: SectionRow): JsonSchema {
  const pattern = free ? KEY_PATTERNS[free.keys] : '';
  return {
    type: 'object',
    patternProperties: { [pattern]: { ...valueSchema(free?.type ?? 'text') } },
    additionalProperties: false,
  };
}

function keySchema(row: KeyRow): JsonSchema {
  const preset: JsonSchema = row.default === undefined ? {} : { default: row.default };
  return { description: row.says, ...valueSchema(row.type), ...preset, examples: [row.example] };
}

/** An empty value is no value: every type allows it. */
function valueSchema(name: TypeName): JsonSchema {
  const type: Type<unknown> = TYPES[name];
  if (type.words) return { type: 'string', enum: [...type.words, ''] };
  return type.pattern === undefined ? { type: 'string' } : { type: 'string', pattern: `^$|${type.pattern}` };
}
