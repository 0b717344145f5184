import { validateDetailed } from 'node-cron';
import type { Problem } from './report.ts';

/** Six fields in node-cron's names; with five, the seconds are 0. */
const FIELDS: Readonly<Record<string, { readonly name: string; readonly range: string }>> = {
  second: { name: 'second', range: '0-59' },
  minute: { name: 'minute', range: '0-59' },
  hour: { name: 'hour', range: '0-23' },
  dayOfMonth: { name: 'day of month', range: '1-31' },
  month: { name: 'month', range: '1-12 or JAN-DEC' },
  dayOfWeek: { name: 'day of week', range: '0-6 (0 is Sunday) or SUN-SAT' },
};
const LONGEST = 200;

/** What node-cron would not run, or would run at other times than people expect; undefined for a good expression. */
export function cronMistake(expression: string): string | undefined {
  const problem = cronProblem(expression);
  return problem && `${problem.what}: ${problem.instead}`;
}

export function cronProblem(expression: string): Problem | undefined {
  const fields = expression.trim().split(/\s+/);
  return wrongShape(expression, fields) ?? wrongFields(expression) ?? bothDays(fields) ?? neverComes(fields);
}

function wrongShape(expression: string, fields: readonly string[]): Problem | undefined {
  if (fields[0]?.startsWith('@'))
    return {
      what: 'a schedule is no `@` word',
      instead: 'write five fields: `0 * * * *` for hourly, `0 0 * * *` for daily',
    };
  if (fields.length !== 5 && fields.length !== 6)
    return { what: 'a schedule has five fields, or six with seconds first', instead: FIVE_FIELDS };
  // node-cron writes out `1-99999999999` number by number before it looks at the limit: the whole process would die.
  if (expression.length > LONGEST || /\d{3}/.test(expression))
    return { what: 'a field of the schedule holds too large a number or is too long', instead: FIVE_FIELDS };
  return undefined;
}
const FIVE_FIELDS = 'write minute, hour, day of month, month, day of week, such as `*/5 * * * *`';

function wrongFields(expression: string): Problem | undefined {
  const { errors } = validateDetailed(expression);
  if (errors.length === 0) return undefined;
  if (errors.some((error) => error.message.includes('impossible'))) return NEVER;
  const wrong = errors.map((error) => FIELDS[error.field]).filter((field) => field !== undefined);
  if (wrong.length === 0)
    return { what: 'the schedule holds a character that cron does not know', instead: FIVE_FIELDS };
  return {
    what: `in the schedule, this is not valid: ${wrong.map((field) => field.name).join(', ')}`,
    instead: `write ${wrong.map((field) => `${field.name} ${field.range}`).join(', ')}, or \`*\`, \`*/5\`, \`1-5\`, \`1,15\``,
  };
}
const NEVER: Problem = {
  what: 'the schedule names a day that its months do not have',
  instead: 'write a day that exists, or `L` for the last day of the month',
};

/**
 * | day of month | day of week | node-cron runs | cron runs | here    |
 * | ------------ | ----------- | -------------- | --------- | ------- |
 * | `*`          | any         | the weekday    | the same  | fine    |
 * | any          | `*`         | the day        | the same  | fine    |
 * | 13           | 5           | on both (AND)  | on either | refused |
 */
function bothDays(fields: readonly string[]): Problem | undefined {
  if (isEvery(fields.at(-3)) || isEvery(fields.at(-1))) return undefined;
  return {
    what: 'the schedule sets both day of month and day of week: haulout would wait for both, cron for either',
    instead: 'write `*` for one of them; for either, write two jobs',
  };
}

function isEvery(field: string | undefined): boolean {
  return field === '*' || field === '?';
}

/** `30W` in February passes node-cron's check and throws when it is scheduled; the plain day does not pass. */
function neverComes(fields: readonly string[]): Problem | undefined {
  const days = fields.at(-3)!;
  const plain = fields.with(-3, days.replaceAll(/(\d+)W/gi, '$1'));
  if (plain.at(-3) === days) return undefined;
  return validateDetailed(plain.join(' ')).errors.length > 0 ? NEVER : undefined;
}

const SIZES = [60, 60, 24, 31, 12, 7];

// `*/90` runs each hour, at its beginning, and not every 90 minutes.
export function hasOverlongStep(expression: string): boolean {
  const fields = expression.split(' ');
  const steps = (field: string) => Array.from(field.matchAll(/\/(\d+)/g), ([, step]) => Number(step));
  return fields.some((field, index) => steps(field).some((step) => step > SIZES.at(index - fields.length)!));
}
