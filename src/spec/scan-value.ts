import type { Trap } from './scan-line.ts';

export interface ScannedValue {
  readonly index: number;
  /** Where the value ends, when a comment follows that ini.parse would take for a part of it. */
  readonly end?: number;
  readonly trap?: Trap;
}

const QUOTE_IT = 'put the whole value between double quotes';

/**
 * | written               | ini.parse makes of it          | here                     |
 * | --------------------- | ------------------------------ | ------------------------ |
 * | `a ; note`            | `a`                            | `a`                      |
 * | `a;b`, `a#b`, `a # b` | `a`: the rest is lost          | refused: quote it        |
 * | `"a" ; note`          | `"a"` with its quotes          | `a`                      |
 * | `"a";b`, `"a" # b`    | the quotes are part of it      | refused: a blank and `;` |
 * | `"a`, `"a" b`, `"\d"` | the quotes are part of it      | refused: quote all of it |
 * | `'123'`, `'{"a":1}'`  | a number, an object            | refused: double quotes   |
 * | `a\;b`, `a\\b`        | `a;b`, `a\b`                   | refused: quote it        |
 * | `a\`                  | `a\`: there is no continuation | refused: one line        |
 */
export function scanValue(line: string, from: number): ScannedValue {
  const rest = line.slice(from);
  const index = from + (rest.length - rest.trimStart().length);
  const text = rest.trim();
  if (text.startsWith('"')) return scanQuoted(text, index);
  if (text.startsWith("'")) {
    const instead = `${QUOTE_IT}: \`"..."\`, with \`\\"\` for a double quote inside`;
    return { index, trap: { index, what: 'the value begins with a single quote', instead } };
  }
  return scanPlain(line, from, index);
}

function scanQuoted(written: string, index: number): ScannedValue {
  // What stands behind a blank and `;` is a comment, as it is behind any other value.
  const quoted = /^("(?:[^"\\]|\\.)*")[ \t]+;/.exec(written)?.[1];
  const text = quoted ?? written;
  const content = jsonString(text);
  const trap = (what: string, instead: string) => ({ index, trap: { index, what, instead } });
  if (content !== undefined) {
    if (/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]|[\ud800-\udfff]/u.test(content))
      return trap('the value holds a control character', 'write it in one line of plain text');
    return { index: index + 1, ...(quoted === undefined ? {} : { end: index + quoted.length }) };
  }
  const comment = /^"(?:[^"\\]|\\.)*"[ \t]*[;#]/.test(text);
  if (comment)
    return trap('a comment behind a quoted value starts with a blank and `;`', 'write it so, or on a line of its own');
  const instead = `${QUOTE_IT}, with \`\\"\` for a double quote and \`\\\\\` for a backslash inside`;
  return trap('the value begins with a double quote but is not one quoted text', instead);
}

function jsonString(text: string): string | undefined {
  if (text.length < 2 || !text.endsWith('"')) return undefined;
  try {
    const content: unknown = JSON.parse(text);
    return typeof content === 'string' ? content : undefined;
  } catch {
    return undefined;
  }
}

function scanPlain(line: string, from: number, start: number): ScannedValue {
  const trap = (index: number, what: string, instead: string) => ({ index: start, trap: { index, what, instead } });
  for (let index = from; index < line.length; index++) {
    const character = line[index]!;
    const blankBefore = index > 0 && (line[index - 1] === ' ' || line[index - 1] === '\t');
    if (character === ';' && blankBefore) return { index: Math.min(start, index) };
    if (character === ';') return trap(index, 'a `;` without a blank before it would cut the value', MEANT);
    if (character === '#') return trap(index, 'an unquoted `#` would cut the value', MEANT);
    if (character === '\\' && line.slice(index + 1).trim() === '')
      return trap(index, 'a value cannot go on in the next line', 'write the whole value in one line');
    if (character === '\\' && /[\\;#]/.test(line[index + 1] ?? ''))
      return trap(
        index,
        'a backslash before this character would be lost',
        `${QUOTE_IT}, and write \`\\\\\` for a backslash`,
      );
    if (/[^\S \t]/.test(character))
      return trap(index, 'a blank that is no plain space stands here', 'type a plain space');
  }
  return { index: start };
}
const MEANT = `${QUOTE_IT}; a comment starts with a blank and \`;\``;
