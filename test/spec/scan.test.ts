import { describe, expect, it } from 'vitest';
import { mistakesOf, underHaulout } from './told.ts';

type Row = readonly [lines: readonly string[], told: readonly string[]];

/** The lines stand under a good [haulout], from line 3 on. Places and words are literal. */
const TRAPS: readonly Row[] = [
  [['[files] ; note'], []],
  [
    ['[files];note'],
    ['3:8 a comment behind a header starts with a blank and `;` | write it so, or on a line of its own'],
  ],
  [
    ['[files] # note'],
    ['3:9 a comment behind a header starts with a blank and `;` | write it so, or on a line of its own'],
  ],
  [['  [files]'], ['3:1 the section header is indented | write `[files]` at the start of the line']],
  [['[ files ]'], ['3:2 blanks stand inside the brackets | write `[files]`']],
  [['[files'], ['3:1 the section header has no closing bracket | write `[NAME]`']],
  [['[files]x'], ['3:8 text stands behind the section header | begin a new line after the header']],
  [
    ['["files"]'],
    [
      '3:2 the section name is not a name | write names of letters, digits, `_` and `-`, with a dot between section and name, as in `[service.web]`',
    ],
  ],
  [
    ['[fi\\.les]'],
    [
      '3:2 the section name is not a name | write names of letters, digits, `_` and `-`, with a dot between section and name, as in `[service.web]`',
    ],
  ],
  [
    ['[]'],
    [
      '3:2 the section name is not a name | write names of letters, digits, `_` and `-`, with a dot between section and name, as in `[service.web]`',
    ],
  ],
  [
    ['[a..b]'],
    [
      '3:2 the section name is not a name | write names of letters, digits, `_` and `-`, with a dot between section and name, as in `[service.web]`',
    ],
  ],
  [['[a.__proto__]'], ['3:2 the section name is reserved | choose another name']],
  [['[constructor]'], ['3:2 the section name is reserved | choose another name']],
  [
    ['splay = 30s#x'],
    [
      '3:12 an unquoted `#` would cut the value | put the whole value between double quotes; a comment starts with a blank and `;`',
    ],
  ],
  [
    ['splay = 30s # x'],
    [
      '3:13 an unquoted `#` would cut the value | put the whole value between double quotes; a comment starts with a blank and `;`',
    ],
  ],
  [
    ['splay = 30s;x'],
    [
      '3:12 a `;` without a blank before it would cut the value | put the whole value between double quotes; a comment starts with a blank and `;`',
    ],
  ],
  [
    ['splay =;x'],
    [
      '3:8 a `;` without a blank before it would cut the value | put the whole value between double quotes; a comment starts with a blank and `;`',
    ],
  ],
  [['splay'], ['3:1 the line has no `=` | write `KEY = VALUE`, or put `;` in front if it is a comment']],
  [['splay = 30s', '  schedule'], ['4:3 a value cannot go on in the next line | write the whole value in one line']],
  [['splay = 30s \\'], ['3:13 a value cannot go on in the next line | write the whole value in one line']],
  [['= 3'], ['3:1 there is no key before the `=` | write `KEY = VALUE`']],
  [['splay[] = 30s'], ['3:1 a key cannot be a list | write the key once, with commas between the parts of its value']],
  [['splay[0] = 30s'], ['3:1 a key cannot be a list | write the key once, with commas between the parts of its value']],
  [
    ["splay = '30s'"],
    [
      '3:9 the value begins with a single quote | put the whole value between double quotes: `"..."`, with `\\"` for a double quote inside',
    ],
  ],
  [
    ['splay = "30s'],
    [
      '3:9 the value begins with a double quote but is not one quoted text | put the whole value between double quotes, with `\\"` for a double quote and `\\\\` for a backslash inside',
    ],
  ],
  [['splay = "30s" ; x'], []],
  [
    ['splay = "30s";x'],
    ['3:9 a comment behind a quoted value starts with a blank and `;` | write it so, or on a line of its own'],
  ],
  [
    ['splay = "3" x'],
    [
      '3:9 the value begins with a double quote but is not one quoted text | put the whole value between double quotes, with `\\"` for a double quote and `\\\\` for a backslash inside',
    ],
  ],
  [
    ['splay = "\\d"'],
    [
      '3:9 the value begins with a double quote but is not one quoted text | put the whole value between double quotes, with `\\"` for a double quote and `\\\\` for a backslash inside',
    ],
  ],
  [
    ['splay = a\\;b'],
    [
      '3:10 a backslash before this character would be lost | put the whole value between double quotes, and write `\\\\` for a backslash',
    ],
  ],
  [
    ['splay = a\\\\b'],
    [
      '3:10 a backslash before this character would be lost | put the whole value between double quotes, and write `\\\\` for a backslash',
    ],
  ],
  [['splay = "a\\nb"'], ['3:9 the value holds a control character | write it in one line of plain text']],
  [['__proto__ = 1'], ['3:1 the key is reserved | choose another name']],
  [['"splay" = 30s'], ['3:1 a key cannot hold `"` | write the key without it']],
  [['sp;lay = 30s'], ['3:3 a key cannot hold `;` | write the key without it']],
  [
    ['splay = 30s', 'splay = 40s'],
    ['4:1 the key is written twice; the first is in line 3 | keep one of the two lines'],
  ],
  [
    ['[files]', '[packages]', '[files]'],
    ['5:1 the section [files] is written twice; the first is in line 3 | write all its keys under one header'],
  ],
  [['a\u0000b = 1'], ['3:2 the invisible character U+0000 stands here | delete it and type the line again']],
  [['[a\u0000b]'], ['3:3 the invisible character U+0000 stands here | delete it and type the line again']],
  [['splay = 3\r0s'], ['3:10 a carriage return stands inside the line | end lines with LF, or with CR LF']],
  [['splay = 30\u00a0s'], ['3:11 a blank that is no plain space stands here | type a plain space']],
  [['splay = \u202e30s'], ['3:9 the invisible character U+202E stands here | delete it and type the line again']],
  [
    [`splay = ${'x'.repeat(8200)}`],
    ['3:1 the line is longer than 8192 characters | keep long content in a file under root/ or in the service image'],
  ],
  [
    ['[service.web]', 'custom = 1', 'unit = nginx', '[service.web.custom]', 'a = 1'],
    ['4:1 `custom` is the name of a section too | rename the key or the section'],
  ],
  [
    ['\ud83e\uddad = 1'],
    [
      '3:1 this key is unknown in [haulout] | the keys of [haulout] are `version`, `schedule`, `timezone`, `splay`, `wake`, `upgrade`, `lifecycle-hook`',
    ],
  ],
  [
    ['splay = \ud83e\uddad#'],
    [
      '3:10 an unquoted `#` would cut the value | put the whole value between double quotes; a comment starts with a blank and `;`',
    ],
  ],
];

describe('what ini.parse would misread is refused', () => {
  it.each(TRAPS)('%j', (lines, findings) => {
    expect(mistakesOf(underHaulout(...lines))).toEqual(findings);
  });
});
