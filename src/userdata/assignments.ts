/** Needs no quotes in any shell. No tilde: it expands after a colon. */
const BARE = /^[\w@%+=:,./-]*$/;

/**
 * What may stand between single quotes. Printable ASCII, because the file must be; no star, because star and slash
 * together would end the JavaScript comment the settings stand in; no quotes and no backslash, so that every shell agrees.
 */
export const QUOTABLE = /^(?:(?!['"*`\\])[ -~])*$/;

const LINE = /^\s*(\w+)=(?:'([^']*)'|"([^"$`\\]*)"|([^\s'"]*))(?:[ \t]+#.*)?\s*$/;

/** One line that gives `name` exactly this value in every shell. The value is QUOTABLE. */
export function assignment(name: string, value: string): string {
  return `${name}=${BARE.test(value) ? value : `'${value}'`}`;
}

export interface Assignments {
  readonly values: Map<string, string>;
  /** Lines that are none, by the name they speak of, else by number. */
  readonly wrong: readonly string[];
  /** Names that are set more than once; the first value is kept. */
  readonly twice: readonly string[];
}

/** `NAME=value` lines as `sh` reads them, as far as a person would write them here; comments and empty lines are passed over. */
export function readAssignments(lines: readonly string[]): Assignments {
  const values = new Map<string, string>();
  const wrong: string[] = [];
  const twice: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, name, single, double, bare] = LINE.exec(line) ?? [];
    if (name === undefined || (bare !== undefined && !BARE.test(bare))) {
      wrong.push(/HAULOUT_\w+/.exec(line)?.[0] ?? `line ${index + 1}`);
    } else if (values.has(name)) {
      twice.push(name);
    } else {
      values.set(name, single ?? double ?? bare ?? '');
    }
  }
  return { values, wrong, twice };
}
