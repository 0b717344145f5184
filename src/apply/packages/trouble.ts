import { HauloutError } from '../../lib/errors.ts';
import type { RunResult } from '../../lib/exec.ts';
import { type Argv, type Dialect, LOCK_SECONDS, type Meaning } from './dialect.ts';

/** What an ending means; undefined: it failed, and nothing tells why. */
export function meaningOf(dialect: Dialect, { code, output, timedOut }: RunResult): Meaning | undefined {
  if (timedOut) return undefined;
  if (code === 0) return 'done';
  const row = dialect.meanings.find(
    (one) => (one.code === undefined || one.code === code) && (one.words === undefined || one.words.test(output)),
  );
  return row?.means;
}

const HINTS: Readonly<Record<Exclude<Meaning, 'done'>, string>> = {
  locked: `another package manager has been at work for more than ${LOCK_SECONDS / 60} minutes: see which, and end it if it hangs`,
  unknown: 'correct the name in [packages], or add the repository that has it',
  unreachable: 'see that the instance reaches its package repositories; it is tried again',
  conflict: 'leave out one of the packages that do not go together, or ask for other versions',
  full: 'free some space on the instance, or launch it with a larger disk',
};

/** Why lists could not be fetched, in the manager's words: some end well all the same, with those they have. */
export function unfetchedIn({ meanings }: Dialect, output: string): string | undefined {
  const row = meanings.find(({ means, words }) => means === 'unreachable' && words !== undefined);
  const line = output.split('\n').find((text) => row?.words?.test(text));
  return line?.trim().slice(0, LONGEST_COMPLAINT);
}

const alsoUnfetched = (unfetched: string | undefined) =>
  unfetched === undefined ? '' : `; not all lists could be fetched: ${unfetched}`;

/** What may be said besides: `unfetched`, for what is unknown may stand in a list that is not here, and what to do where no meaning says it. */
export interface Circumstances {
  readonly unfetched?: string | undefined;
  readonly hint?: string;
}

export function failed(
  dialect: Dialect,
  argv: Argv,
  subject: string,
  result: RunResult,
  { unfetched, hint: advice = 'is the name right, and the repository reachable?' }: Circumstances = {},
): HauloutError {
  const words = argv.filter((word) => !dialect.options.includes(word));
  const meaning = meaningOf(dialect, result);
  const missing = meaning === 'unknown' ? unfetched : undefined;
  const how = result.timedOut ? 'took too long' : `ended with ${result.code ?? result.signal}`;
  const see = `run \`${words.join(' ')}\` on the instance to see all of it`;
  const hint =
    meaning === undefined || meaning === 'done' ? advice : HINTS[missing === undefined ? meaning : 'unreachable'];
  return new HauloutError(
    {
      code: codeOf(result, meaning),
      step: 'packages',
      subject,
      reason: `\`${words.slice(0, 2).join(' ')}\` ${how}${complaintOf(dialect, result.output)}${alsoUnfetched(missing)}`,
      hint: `${hint}; ${see}`,
    },
    result.output,
  );
}

function codeOf(result: RunResult, meaning: Meaning | undefined): string {
  if (result.timedOut) return 'packages-timeout';
  return meaning === 'locked' ? 'packages-locked' : 'packages-failed';
}

/** Could it be otherwise with new lists? */
export function mayPass(error: unknown): boolean {
  return error instanceof HauloutError && error.code === 'packages-failed';
}

const LONGEST_COMPLAINT = 200;

function complaintOf(dialect: Dialect, output: string): string {
  const [, ...groups] = dialect.complaint.exec(output) ?? [];
  const words = groups
    .find((group) => group !== undefined)
    ?.replace(/\s+/g, ' ')
    .trim();
  return words ? `: ${words.slice(0, LONGEST_COMPLAINT)}` : '';
}

const MOST_NAMED = 5;

export function noVersion(name: string, pattern: string, known: readonly string[], unfetched?: string): HauloutError {
  const missing = known.length === 0 ? unfetched : undefined;
  const offer = known.length > 0 ? known.slice(0, MOST_NAMED).join(', ') : 'none at all';
  return new HauloutError({
    code: 'packages-failed',
    step: 'packages',
    subject: `package:${name}`,
    reason: `no version that can be had fits ${pattern}; to be had: ${offer}${alsoUnfetched(missing)}`,
    hint:
      missing === undefined
        ? 'write a pattern that fits one of them, its release included, such as `8.2.*`'
        : HINTS.unreachable,
  });
}

/** Ended well, and is not there: a name that only other packages provide, or one that is held back. */
export function notThere(name: string, version: string | undefined, versions: readonly string[]): HauloutError {
  const found = versions.length > 0 ? `${versions.join(', ')} is installed` : 'no package of that name is installed';
  return new HauloutError({
    code: 'packages-failed',
    step: 'packages',
    subject: `package:${name}`,
    reason: `the package manager ended well, and ${found}${version === undefined ? '' : `, not ${version}`}`,
    hint: 'name the package itself and not what it provides; see that nothing on the instance holds it back',
  });
}

export function stillThere(name: string): HauloutError {
  return new HauloutError({
    code: 'packages-failed',
    step: 'packages',
    subject: `package:${name}`,
    reason: 'the package manager ended well, and it is still installed: another package needs it',
    hint: 'make the package that needs it absent, too, or take this one out of [packages]',
  });
}
