/**
 * IAM policies for the keys of this endpoint: the part that a least policy for S3 needs.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
 *
 * What it is: identity policies. `Effect`; `Action` and `Resource` with `*` and `?`; `Condition` with StringEquals and
 * StringLike on `s3:prefix`. A matching Deny wins over every Allow; what nothing allows is denied.
 * What it is not: bucket policies, boundaries, sessions, `Principal`, `NotAction`, `NotResource`, variables (`${...}`), other
 * operators and other keys (`aws:...`). These are refused by name when a policy is given: a condition that would be ignored
 * here, and hold at Amazon, would make a test of a policy worthless.
 */
export interface Policy {
  readonly Version?: string;
  readonly Statement: Statement | readonly Statement[];
}

interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** One thing that a request wants to do. */
export interface Wish {
  /** `s3:GetObject` */
  readonly action: string;
  /** `arn:aws:s3:::bucket/key` */
  readonly resource: string;
  /** The keys that conditions ask for; one that the request does not have is not there. */
  readonly context: Readonly<Record<string, string>>;
}

const POLICY_WORDS = ['Version', 'Id', 'Statement'];
const STATEMENT_WORDS = ['Sid', 'Effect', 'Action', 'Resource', 'Condition'];
const KEYS = ['s3:prefix'];

type Compare = (wanted: string, actual: string) => boolean;
const OPERATORS: Readonly<Record<string, Compare>> = {
  StringEquals: (wanted, actual) => wanted === actual,
  StringLike: (wanted, actual) => matches(wanted, actual, ''),
};

/** Throws with the word that is not understood. */
export function checkPolicy(policy: Policy): Policy {
  onlyThese(policy, POLICY_WORDS);
  for (const statement of list(policy.Statement)) checkStatement(statement);
  return policy;
}

export function allows(policy: Policy, wish: Wish): boolean {
  const effects = list(policy.Statement)
    .filter((statement) => applies(statement, wish))
    .map(({ Effect }) => Effect);
  return effects.includes('Allow') && !effects.includes('Deny');
}

function checkStatement(statement: Statement): void {
  onlyThese(statement, STATEMENT_WORDS);
  const { Effect, Action, Resource, Condition = {} } = statement;
  if (Effect !== 'Allow' && Effect !== 'Deny') throw unknown('Effect', String(Effect));
  if (Action === undefined || Resource === undefined) throw unknown('a statement without', 'Action or Resource');
  for (const word of [...list(Action), ...list(Resource)]) if (word.includes('${')) throw unknown('variable', word);
  for (const [operator, tests] of Object.entries(Condition)) {
    if (!(operator in OPERATORS)) throw unknown('operator', operator);
    for (const key of Object.keys(tests)) if (!KEYS.includes(key)) throw unknown('condition key', key);
  }
}

function applies({ Action, Resource, Condition = {} }: Statement, { action, resource, context }: Wish): boolean {
  return (
    list(Action).some((pattern) => matches(pattern, action, 'i')) &&
    list(Resource).some((pattern) => matches(pattern, resource, '')) &&
    Object.entries(Condition).every(([operator, tests]) =>
      Object.entries(tests).every(([key, values]) => {
        const actual = context[key];
        return actual !== undefined && list(values).some((value) => OPERATORS[operator]!(value, actual));
      }),
    )
  );
}

/** `*` is any run of characters, slashes too; `?` is one. */
function matches(pattern: string, text: string, flags: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, `s${flags}`).test(text);
}

function onlyThese(object: object, words: readonly string[]): void {
  for (const word of Object.keys(object)) if (!words.includes(word)) throw unknown('element', word);
}

function list<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function unknown(what: string, word: string): Error {
  return new Error(`haulout's local S3 does not know this in a policy: ${what} ${word}`);
}
