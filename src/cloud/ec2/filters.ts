import { Ec2Error } from './errors.ts';
import type { Parameters } from './parameters.ts';
import type { TagMap } from './tags.ts';

/** What filters are held against: by the filter's name the values of a thing; a name that is there and has none matches nothing. */
export type Filterable = Readonly<Record<string, string | undefined | readonly string[]>>;

export interface Filter {
  readonly name: string;
  readonly values: readonly string[];
}

export const FILTER_PARAMETERS = ['Filter.N.Name', 'Filter.N.Value.N'];

/** Refuses those that are not among `known`; `tag:KEY` and `tag-key` go wherever there are tags. */
export function readFilters(parameters: Parameters, known: readonly string[]): readonly Filter[] {
  return parameters.structures('Filter').map((filter) => {
    const name = filter.needed('Name');
    if (!known.includes(name) && name !== 'tag-key' && !/^tag:./.test(name)) {
      throw new Ec2Error('InvalidParameterValue', `The filter '${name}' is invalid`);
    }
    const values = filter.list('Value');
    if (values.length === 0) throw new Ec2Error('InvalidParameterValue', `The filter '${name}' has no values`);
    return { name, values };
  });
}

/** Every filter must hold; one holds when any of its values does. */
export function passes(filters: readonly Filter[], fields: Filterable, tags: TagMap): boolean {
  return filters.every(({ name, values }) => {
    const actual = valuesOf(name, fields, tags);
    return values.some((pattern) => actual.some((value) => matches(pattern, value)));
  });
}

function valuesOf(name: string, fields: Filterable, tags: TagMap): readonly string[] {
  if (name === 'tag-key') return [...tags.keys()];
  const value = name.startsWith('tag:') ? tags.get(name.slice(4)) : fields[name];
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** `*` for any characters, `?` for one, `\` before either takes it as it is. Case counts. */
function matches(pattern: string, value: string): boolean {
  const source = pattern.replace(/\\([*?\\])|[*?]|[^A-Za-z0-9]/gu, (found, escaped: string | undefined) => {
    if (escaped !== undefined) return `\\${escaped}`;
    if (found === '*') return '[^]*';
    return found === '?' ? '[^]' : `\\u{${found.codePointAt(0)!.toString(16)}}`;
  });
  return new RegExp(`^${source}$`, 'u').test(value);
}
