import { Ec2Error, invalidValue } from './errors.ts';

/**
 * The parameters of a request of the Query API: flat pairs, whose names say how they belong together
 * (`Filter.1.Value.2`, `MetadataOptions.HttpTokens`). In what order they come means nothing.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html
 */
export class Parameters {
  readonly #values: ReadonlyMap<string, string>;
  /** What stood before the names here, for messages. */
  readonly #prefix: string;

  constructor(pairs: Iterable<readonly [string, string]>, prefix = '') {
    this.#values = new Map(pairs);
    this.#prefix = prefix;
  }

  get names(): readonly string[] {
    return [...this.#values.keys()];
  }

  get pairs(): readonly (readonly [string, string])[] {
    return [...this.#values];
  }

  without(names: readonly string[]): Parameters {
    return new Parameters(
      this.pairs.filter(([name]) => !names.includes(name)),
      this.#prefix,
    );
  }

  text(name: string): string | undefined {
    return this.#values.get(name);
  }

  needed(name: string): string {
    const value = this.#values.get(name);
    if (value === undefined || value === '') {
      throw new Ec2Error('MissingParameter', `The request must contain the parameter ${this.#prefix}${name}`);
    }
    return value;
  }

  whole(name: string, least: number, most: number): number | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    const number = /^-?\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw invalidValue(value, this.#prefix + name, `Expecting a whole number from ${least} to ${most}.`);
  }

  flag(name: string): boolean | undefined {
    const value = this.#values.get(name)?.toLowerCase();
    if (value === undefined) return undefined;
    if (value === 'true' || value === 'false') return value === 'true';
    throw invalidValue(value, this.#prefix + name, 'Expecting true or false.');
  }

  oneOf<Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    const word = words.find((each) => each === value);
    if (word !== undefined) return word;
    throw invalidValue(value, this.#prefix + name, `Expecting one of: ${words.join(', ')}.`);
  }

  /** `Name.1`, `Name.2` ... in the order of their numbers. */
  list(name: string): readonly string[] {
    return this.#numbered(name).flatMap(([, members]) => members.get('') ?? []);
  }

  /** `Name.1.Field`, `Name.2.Field` ...: one set of fields for each number. */
  structures(name: string): readonly Parameters[] {
    return this.#numbered(name).map(
      ([number, members]) => new Parameters(members, `${this.#prefix}${name}.${number}.`),
    );
  }

  /** `Name.Field`; undefined when there is none. */
  structure(name: string): Parameters | undefined {
    const start = `${name}.`;
    const members = this.pairs.flatMap(([key, value]) =>
      key.startsWith(start) ? [[key.slice(start.length), value] as const] : [],
    );
    return members.length === 0 ? undefined : new Parameters(members, this.#prefix + start);
  }

  #numbered(name: string): readonly (readonly [number, ReadonlyMap<string, string>])[] {
    const found = new Map<number, Map<string, string>>();
    for (const [key, value] of this.#values) {
      if (!key.startsWith(`${name}.`)) continue;
      const [, number, rest = ''] = /^(\d{1,5})(?:\.(.+))?$/.exec(key.slice(name.length + 1)) ?? [];
      if (number === undefined) continue;
      const members = found.get(Number(number)) ?? new Map<string, string>();
      found.set(Number(number), members.set(rest, value));
    }
    return [...found].sort(([one], [two]) => one - two);
  }
}

/** What every request says, and what is heard before its action is looked at. */
const COMMON = ['Action', 'Version', 'DryRun'];

/**
 * Refuses what would go unheard. `takes` and `ignores` hold names with N for every number: `Filter.N.Value.N`;
 * what `ignores` has with a final dot stands for all names that begin so.
 */
export function refuseUnknown(parameters: Parameters, takes: readonly string[], ignores: readonly string[]): void {
  for (const name of parameters.names) {
    const pattern = name.replace(/\.\d+(?=\.|$)/g, '.N');
    const isIgnored = ignores.some((each) => (each.endsWith('.') ? pattern.startsWith(each) : pattern === each));
    if (isIgnored || takes.includes(pattern) || COMMON.includes(pattern)) continue;
    throw new Ec2Error(
      'UnknownParameter',
      `The parameter ${name} is not recognized: haulout's local EC2 does not know it for this action`,
    );
  }
}
