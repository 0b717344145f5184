import { scanValue } from './scan-value.ts';

/** What is wrong in a line, and the index in it where. */
export interface Trap {
  readonly index: number;
  readonly what: string;
  readonly instead: string;
}

/**
 * One line, understood without ini.parse. A header or an entry with a trap is kept when its name is still clear, so that what
 * follows is checked under the right section and no later mistake is hidden by this one.
 */
export type Line =
  | { readonly kind: 'blank'; readonly trap?: Trap }
  | { readonly kind: 'header'; readonly name: string | undefined; readonly index: number; readonly trap?: Trap }
  | {
      readonly kind: 'entry';
      readonly key: string;
      readonly index: number;
      /** Index of the value's first character, behind an opening quote. */
      readonly valueIndex: number;
      /** Where the line ends for ini.parse; undefined: at its end. */
      readonly end?: number;
      readonly trap?: Trap;
    };

const LONGEST = 8_192;
/** Control characters but the tab, what reorders or hides text, and the line ends that ini.parse does not know. */
const HIDDEN =
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]|[\ud800-\udfff]/u;
const ODD_BLANK = /[^\S \t]/;
const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);

export function scanLine(line: string): Line {
  const start = line.search(/\S/);
  const opening = line[start] ?? '';
  const hidden = hiddenIn(line);
  if (hidden) {
    return opening === '['
      ? { kind: 'header', name: undefined, index: start, trap: hidden }
      : { kind: 'blank', trap: hidden };
  }
  if (opening === '' || opening === ';' || opening === '#') return { kind: 'blank' };
  return opening === '[' ? scanHeader(line, start) : scanEntry(line, start);
}

function hiddenIn(line: string): Trap | undefined {
  if (line.length > LONGEST) {
    const instead = 'keep long content in a file under root/ or in the service image';
    return { index: 0, what: `the line is longer than ${LONGEST} characters`, instead };
  }
  const index = line.search(HIDDEN);
  if (index < 0) return undefined;
  if (line[index] === '\r')
    return { index, what: 'a carriage return stands inside the line', instead: 'end lines with LF, or with CR LF' };
  const code = line.codePointAt(index)!.toString(16).toUpperCase().padStart(4, '0');
  return { index, what: `the invisible character U+${code} stands here`, instead: 'delete it and type the line again' };
}

/**
 * | written        | ini.parse makes of it        | here                          |
 * | -------------- | ---------------------------- | ----------------------------- |
 * | `[s] ; note`   | a key of the section before  | `[s]`: ini.parse sees only it |
 * | `[s];x`, `[s] # x` | a key of the section before | refused, read as `[s]`      |
 * | `  [s]`        | a key of the section before  | refused, read as `[s]`        |
 * | `[ s ]`        | `s`                          | refused, read as `[s]`        |
 * | `[s`, `[s]x`   | a key of the section before  | refused, what follows is lost |
 * | `["s"]`, `[a\.b]` | another name              | refused, what follows is lost |
 */
function scanHeader(line: string, start: number): Line {
  const close = line.indexOf(']', start);
  const lost = (index: number, what: string, instead: string): Line => ({
    kind: 'header',
    name: undefined,
    index: start,
    trap: { index, what, instead },
  });
  if (close < 0) return lost(start, 'the section header has no closing bracket', 'write `[NAME]`');
  const inner = line.slice(start + 1, close);
  const name = inner.trim();
  if (!NAME.test(name)) return lost(start + 1, 'the section name is not a name', NAME_RULE);
  if (name.split('.').some((part) => RESERVED.has(part)))
    return lost(start + 1, 'the section name is reserved', 'choose another name');
  const behind = line.slice(close + 1).trimStart();
  const behindIndex = line.length - behind.length;
  if (behind !== '' && behind[0] !== ';' && behind[0] !== '#')
    return lost(behindIndex, 'text stands behind the section header', 'begin a new line after the header');

  const found = { kind: 'header', name, index: start } as const;
  const trapped = (index: number, what: string, instead: string): Line => ({
    ...found,
    trap: { index, what, instead },
  });
  if (behind !== '' && !(behind[0] === ';' && behindIndex > close + 1))
    return trapped(
      behindIndex,
      'a comment behind a header starts with a blank and `;`',
      'write it so, or on a line of its own',
    );
  if (start > 0) return trapped(0, 'the section header is indented', `write \`[${name}]\` at the start of the line`);
  if (inner !== name) return trapped(1, 'blanks stand inside the brackets', `write \`[${name}]\``);
  return found;
}
const NAME_RULE =
  'write names of letters, digits, `_` and `-`, with a dot between section and name, as in `[service.web]`';

function scanEntry(line: string, start: number): Line {
  const equals = line.indexOf('=');
  if (equals < 0) return { kind: 'blank', trap: withoutEquals(start) };
  const key = line.slice(start, equals).trimEnd();
  const keyTrap = trapInKey(key, start);
  if (keyTrap) return { kind: 'blank', trap: keyTrap };
  const value = scanValue(line, equals + 1);
  const { index: valueIndex, end, trap } = value;
  return { kind: 'entry', key, index: start, valueIndex, ...(end ? { end } : {}), ...(trap ? { trap } : {}) };
}

function withoutEquals(start: number): Trap {
  return start > 0
    ? { index: start, what: 'a value cannot go on in the next line', instead: 'write the whole value in one line' }
    : {
        index: start,
        what: 'the line has no `=`',
        instead: 'write `KEY = VALUE`, or put `;` in front if it is a comment',
      };
}

function trapInKey(key: string, start: number): Trap | undefined {
  const trap = (what: string, instead: string, index = start): Trap => ({ index, what, instead });
  if (key === '') return trap('there is no key before the `=`', 'write `KEY = VALUE`');
  if (/\[\d*\]$/.test(key))
    return trap('a key cannot be a list', 'write the key once, with commas between the parts of its value');
  if (RESERVED.has(key)) return trap('the key is reserved', 'choose another name');
  const odd = key.search(/[;#"'\\]/);
  if (odd >= 0) return trap(`a key cannot hold \`${key[odd]}\``, 'write the key without it', start + odd);
  const blank = key.search(ODD_BLANK);
  if (blank >= 0) return trap('a blank that is no plain space stands here', 'type a plain space', start + blank);
  return undefined;
}
