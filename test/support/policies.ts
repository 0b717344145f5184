import type { Policy } from '../../src/cloud/local.ts';

interface Part {
  /** `ReadTheContent: planet/root/*`: the statement, and what of it is gone. */
  readonly name: string;
  readonly policy: Policy;
}

type Statement = Exclude<Policy['Statement'], readonly unknown[]>;

/**
 * The policy without one action, one resource or one value of a condition, for each there is. With the last one gone the
 * statement is gone. Allowing less and less loses more and more, so what one part's absence breaks, more absences do too.
 */
export function lessThan(policy: Policy): Part[] {
  const statements = listOf<Statement>(policy.Statement);
  return statements.flatMap((statement) => {
    const others = statements.filter((other) => other !== statement);
    return weaker(statement).map(({ name, left }) => ({
      name: `${statement.Sid}: ${name}`,
      policy: { ...policy, Statement: left ? [...others, left] : others },
    }));
  });
}

function weaker(statement: Statement): { name: string; left: Statement | undefined }[] {
  const [operator, tests] = Object.entries(statement.Condition ?? {})[0] ?? [];
  const values = listOf<string>(tests?.['s3:prefix'] ?? []);
  if (operator !== undefined) {
    return without(values).map(([value, rest]) => ({
      name: `s3:prefix ${value}`,
      left: rest.length === 0 ? undefined : { ...statement, Condition: { [operator]: { 's3:prefix': rest } } },
    }));
  }
  const actions = listOf<string>(statement.Action);
  const resources = listOf<string>(statement.Resource);
  const place = (resource: string) => resource.replace(/^arn:aws:s3:::([^/]*\/)?/, '');
  if (actions.length < 2 && resources.length < 2)
    return [{ name: `${actions[0]} ${place(resources[0] ?? '')}`, left: undefined }];
  const fewer = without(actions).map(([name, rest]) => ({ name, left: { ...statement, Action: rest } }));
  const narrower = without(resources).map(([resource, rest]) => ({
    name: place(resource),
    left: { ...statement, Resource: rest },
  }));
  return [...(actions.length > 1 ? fewer : []), ...(resources.length > 1 ? narrower : [])];
}

function without<T>(all: readonly T[]): [T, T[]][] {
  return all.map((one) => [one, all.filter((other) => other !== one)]);
}

function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}
