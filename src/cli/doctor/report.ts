import { visibleName } from '../../lib/log.ts';
import { ink } from '../talk.ts';
import type { Finding, Result } from './finding.ts';

const NAME_WIDTH = 12;
const INDENT = ' '.repeat(4 + 2 + NAME_WIDTH);

const PAINT: Readonly<Record<Result, (text: string) => string>> = {
  ok: (text) => ink.green(text),
  warn: (text) => ink.yellow(text),
  fail: (text) => ink.red(text),
};

/** One finding as one or two lines. Names of objects are anybody's: shown, not obeyed. */
export function findingLines({ check, result, seen, next }: Finding): string {
  const head = `${PAINT[result](result.padEnd(4))}  ${check.padEnd(NAME_WIDTH)}${visibleName(seen)}\n`;
  return next === undefined ? head : `${head}${INDENT}${ink.dim(`next: ${visibleName(next)}`)}\n`;
}

export function count(findings: readonly Finding[], wanted: Result): number {
  return findings.filter(({ result }) => result === wanted).length;
}
