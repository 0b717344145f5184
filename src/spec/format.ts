import { visible } from '../lib/log.ts';
import type { Mistake } from './spec.ts';

export type Severity = 'mistake' | 'warning';

/** The shape of a finding in `--json` output. Part of the interface. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly what: string;
  readonly instead: string;
  readonly severity: Severity;
}

/**
 * `haulout.ini:12:3: what`
 * `    write instead: ...`
 */
export function formatMistake({ at, what, instead }: Mistake, severity: Severity = 'mistake'): string {
  const word = severity === 'warning' ? 'warning: ' : '';
  const place = `${at.file}:${at.line}:${at.column}`;
  return `${oneLine(`${place}: ${word}${what}`)}\n    ${oneLine(order(instead))}`;
}

export function formatMistakes(mistakes: readonly Mistake[], severity: Severity = 'mistake'): string {
  return mistakes.map((mistake) => `${formatMistake(mistake, severity)}\n`).join('');
}

export function toFinding({ at, what, instead }: Mistake, severity: Severity = 'mistake'): Finding {
  return { file: at.file, line: at.line, column: at.column, what, instead, severity };
}

/** "write a | b" reads better after "write instead:" without its own verb; other orders stay as they are. */
function order(instead: string): string {
  return instead.startsWith('write ') ? `write instead: ${instead.slice('write '.length)}` : instead;
}

/** Names of objects in a bucket are anybody's: shown, not obeyed. */
function oneLine(text: string): string {
  return visible(text).replaceAll('\n', '\\x0a').replaceAll('\t', '\\x09');
}
