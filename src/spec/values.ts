import { into, type Problem, type Report } from './report.ts';
import type { Entry, Section } from './scan.ts';
import type { KeyRow } from './schema.ts';
import { type Read, TYPES, type Type, type TypeName, type ValueOf } from './types.ts';

type Rows = Readonly<Record<string, KeyRow>>;

/** What the keys of a section mean: never undefined where the table has a default. */
export type Values<R extends Rows> = {
  readonly [K in keyof R]: R[K] extends { readonly default: string }
    ? ValueOf<R[K]['type']>
    : ValueOf<R[K]['type']> | undefined;
};

/**
 * | written       | value                                                        |
 * | ------------- | ------------------------------------------------------------ |
 * | nothing, `k =`| the default; a required key is reported                      |
 * | a good value  | the value                                                    |
 * | a bad value   | reported; the default, so that the rest can be checked still |
 */
export function readKeys<R extends Rows>(section: Section, rows: R, report: Report): Values<R> {
  const values = Object.entries(rows).map(([key, row]) => [key, readKey(section, key, row, report)]);
  return Object.fromEntries(values) as Values<R>;
}

function readKey(section: Section, key: string, row: KeyRow, report: Report): unknown {
  const entry = section.entries.find((written) => written.key === key);
  if (row.required && (!entry || entry.value === '')) {
    const what = `\`${key}\` is missing in [${section.name}]`;
    report.mistake(entry?.at ?? section.at, what, `write it, as in \`${key} = ${row.example}\``);
  }
  const value = entry?.value ? readEntry(row.type, entry, report) : undefined;
  if (value !== undefined || row.default === undefined) return value;
  const preset: Read<unknown> = TYPES[row.type].read(row.default);
  return 'value' in preset ? preset.value : undefined;
}

/** The entry's value; undefined when there is none, or when it is refused and that is reported. */
export function readEntry<N extends TypeName>(name: N, entry: Entry, report: Report): ValueOf<N> | undefined {
  if (entry.value === undefined) return undefined;
  const type = TYPES[name] as Type<ValueOf<N>>;
  const read = type.read(entry.value);
  if ('value' in read) return read.value;
  for (const problem of read.problems) reportProblem(problem, entry, report);
  return undefined;
}

function reportProblem(problem: Problem, entry: Entry, report: Report): void {
  report.mistake(into(entry.valueAt, entry.value ?? '', problem.index ?? 0), problem.what, problem.instead);
}
