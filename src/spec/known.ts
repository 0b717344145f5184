import { suggest } from '../lib/suggest.ts';
import { pathProblem } from './paths.ts';
import type { Report } from './report.ts';
import type { Entry, Section, Written } from './scan.ts';
import { type FreeRow, headerOf, SECTIONS, type SectionRow } from './schema.ts';
import { PACKAGE_NAME } from './watch.ts';

/** The sections that have a meaning, by the row of the schema they belong to. */
export interface Known {
  readonly haulout: Section | undefined;
  readonly packages: Section | undefined;
  readonly files: Section | undefined;
  readonly services: ReadonlyMap<string, Section>;
  readonly custom: ReadonlyMap<string, Section>;
  readonly jobs: ReadonlyMap<string, Section>;
  readonly registrations: ReadonlyMap<string, Section>;
}

const ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const CUSTOM_KEY = /^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/;
/** Longer ones, or ones with other characters, may be a piece of a key that was pasted over several lines. */
const TELLABLE = /^[A-Za-z0-9_.-]{1,40}$/;

/** Sorts what is written by the schema, and reports every section and key that it does not know. */
export function recognise(written: Written, report: Report): Known {
  const found = new Map(SECTIONS.map((row) => [headerOf(row), new Map<string, Section>()]));
  for (const section of written.sections) {
    const row = rowOf(section.name);
    if (!row) {
      unknownSection(section, report);
      continue;
    }
    const [, id = ''] = section.name.split('.');
    if (row.path.length > 1) checkId(section, id, report);
    checkKeys(section, row, report);
    found.get(headerOf(row))?.set(id, section);
  }
  const all = (header: string) => found.get(header) ?? new Map<string, Section>();
  return {
    haulout: all('[haulout]').get(''),
    packages: all('[packages]').get(''),
    files: all('[files]').get(''),
    services: all('[service.NAME]'),
    custom: all('[service.NAME.custom]'),
    jobs: all('[job.NAME]'),
    registrations: all('[register.NAME]'),
  };
}

function rowOf(name: string): SectionRow | undefined {
  const parts = name.split('.');
  return SECTIONS.find(
    ({ path }) => path.length === parts.length && path.every((part, index) => part === 'NAME' || part === parts[index]),
  );
}

function unknownSection(section: Section, report: Report): void {
  const near = nearSection(section.name);
  const all = SECTIONS.map(headerOf).join(', ');
  const name = TELLABLE.test(section.name) ? `the section [${section.name}]` : 'this section';
  report.mistake(section.at, `${name} is unknown`, near ? `did you mean \`[${near}]\`?` : `the sections are ${all}`);
}

/**
 * | written             | meant                |
 * | ------------------- | -------------------- |
 * | `services.web`      | `service.web`        |
 * | `service.web.costum`| `service.web.custom` |
 * | `packges`           | `packages`           |
 * | `service`           | `service.NAME`       |
 */
function nearSection(name: string): string | undefined {
  const parts = name.split('.').slice(0, 3);
  const candidates = SECTIONS.filter((row) => row.path.length === parts.length).map((row) =>
    row.path.map((part, index) => (part === 'NAME' ? parts[index]! : part)).join('.'),
  );
  const near = suggest(name, candidates);
  if (near !== undefined && TELLABLE.test(near)) return near;
  const first = suggest(parts[0]!, ['service', 'job', 'register']);
  return parts.length === 1 && first ? `${first}.NAME` : undefined;
}

function checkId(section: Section, id: string, report: Report): void {
  if (ID.test(id)) return;
  const what = 'this name is not made of a-z, 0-9, `_` and `-`, or is longer than 63 characters';
  report.mistake(section.at, what, 'write a short name in lower case');
}

function checkKeys(section: Section, row: SectionRow, report: Report): void {
  for (const entry of section.entries) {
    if (row.free) checkFreeKey(entry, row.free, report);
    else if (!Object.hasOwn(row.keys ?? {}, entry.key))
      unknownKey(entry, headerOf(row), Object.keys(row.keys ?? {}), report);
  }
}

export function unknownKey(entry: Entry, header: string, keys: readonly string[], report: Report): void {
  const name = TELLABLE.test(entry.key) ? `the key \`${entry.key}\`` : 'this key';
  const near = suggest(entry.key, keys);
  const all = keys.map((key) => `\`${key}\``).join(', ');
  report.mistake(
    entry.at,
    `${name} is unknown in ${header}`,
    near ? `did you mean \`${near}\`?` : `the keys of ${header} are ${all}`,
  );
}

function checkFreeKey(entry: Entry, free: FreeRow, report: Report): void {
  if (free.keys === 'path') {
    const problem = pathProblem(entry.key);
    if (problem) report.mistake(entry.at, problem.what, problem.instead);
  }
  if (free.keys === 'package' && !PACKAGE_NAME.test(entry.key))
    report.mistake(entry.at, 'this is not the name of a package', 'write one name, as the package manager knows it');
  if (free.keys === 'custom' && !CUSTOM_KEY.test(entry.key)) {
    const instead = 'write letters, digits, `_`, `-` and `.`, with a letter first';
    report.mistake(entry.at, 'this is not a name that a hook can read', instead);
  }
}
