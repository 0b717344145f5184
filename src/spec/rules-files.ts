import { isAtOrBelow, isGround, isPrivate, parentsOf, shapeProblem } from './paths.ts';
import type { Problem } from './report.ts';
import type { Checked, Rule } from './rules.ts';
import type { FileSpec } from './spec.ts';

export const fileRules: readonly Rule[] = [
  groundStaysDirectory,
  nothingBelowWhatIsNoDirectory,
  linksLeadSomewhere,
  modesAreNotOpen,
];

function groundStaysDirectory({ spec, report }: Checked): void {
  for (const file of spec.files) {
    if (file.kind === 'directory' || !isGround(file.path)) continue;
    report.mistake(file.at, 'the machine stands on this directory', 'write a path below it');
  }
}

/**
 * | `/a`               | `/a/b`  | verdict                                 |
 * | ------------------ | ------- | --------------------------------------- |
 * | directory          | any     | fine                                    |
 * | absent             | absent  | fine                                    |
 * | absent             | another | refused: it cannot be there             |
 * | link               | any     | refused: it would land in another place |
 * | file, template     | any     | refused: a file holds no files          |
 */
function nothingBelowWhatIsNoDirectory({ spec, report }: Checked): void {
  const byPath = new Map(spec.files.map((file) => [file.path, file]));
  for (const file of spec.files) {
    const parent = parentsOf(file.path)
      .map((path) => byPath.get(path))
      .find((above) => above !== undefined && above.kind !== 'directory');
    if (!parent || (parent.kind === 'absent' && file.kind === 'absent')) continue;
    const what = `the path is below one that is ${WHAT_IT_IS[parent.kind]} in line ${parent.at.line}`;
    report.mistake(file.at, what, 'correct one of the two lines');
  }
}
const WHAT_IT_IS: Readonly<Record<FileSpec['kind'], string>> = {
  file: 'a file',
  template: 'a file',
  directory: 'a directory',
  link: 'a link',
  absent: 'absent',
};

function linksLeadSomewhere({ spec, report }: Checked): void {
  for (const file of spec.files) {
    const problem = linkProblem(file);
    if (problem) report.mistake(file.at, problem.what, problem.instead);
  }
}

/** A target is kept as written; it must still mean a place, and not haulout's secrets (law 7). `/dev/null` is a good one. */
function linkProblem(file: FileSpec): Problem | undefined {
  if (file.target === undefined) return undefined;
  const target = resolveTarget(file.path, file.target);
  if (target === undefined)
    return { what: 'the link goes up beyond `/`', instead: 'write fewer `..`, or an absolute target' };
  if (isAtOrBelow(target, file.path)) return { what: 'the link leads back to itself', instead: 'write another target' };
  if (target !== '/' && shapeProblem(target))
    return { what: 'the link has a target that is no path', instead: 'write a shorter target' };
  if (isPrivate(target)) return { what: "the link leads into haulout's own place", instead: 'write another target' };
  return undefined;
}

function resolveTarget(path: string, target: string): string | undefined {
  const parts = target.startsWith('/') ? [] : path.split('/').slice(1, -1);
  for (const part of target.split('/')) {
    if (part === '..' && parts.pop() === undefined) return undefined;
    if (part !== '' && part !== '.' && part !== '..') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

function modesAreNotOpen({ spec, report }: Checked): void {
  for (const file of spec.files) {
    if (file.mode === undefined || !(file.mode & 0o002) || file.mode & 0o1000) continue;
    report.warn(file.at, 'everybody on the instance may write here', 'write a mode whose last digit is 0, 4 or 5');
  }
}
