import { describe, expect, it } from 'vitest';
import { lintHook } from '../../src/spec/lint-hooks.ts';

function lint(text: string, mode?: number) {
  const { mistakes, warnings } = lintHook('services/web/bin/start', Buffer.from(text, 'latin1'), mode);
  return { mistakes: mistakes.map(({ what }) => what), warnings: warnings.map(({ what }) => what) };
}

describe('lintHook', () => {
  it.each(['#!/bin/sh\nexit 0\n', '#! /usr/bin/env node\n', '#!/bin/sh', '\x7fELF\x02\x01\r\n'])(
    '%j is fine',
    (text) => {
      expect(lint(text, 0o755)).toEqual({ mistakes: [], warnings: [] });
    },
  );

  it.each([
    ['', 'the hook is empty'],
    ['exit 0\n', 'the hook does not begin with `#!`'],
    ['\n#!/bin/sh\n', 'the hook does not begin with `#!`'],
    ['\xef\xbb\xbf#!/bin/sh\n', 'the hook begins with a byte order mark'],
    ['#!\n', 'the first line names no interpreter by its full path'],
    ['#!sh\n', 'the first line names no interpreter by its full path'],
    [
      '#!/bin/sh\r\nexit 0\r\n',
      'the first line ends with CR LF: the kernel looks for an interpreter with a CR in its name',
    ],
    ['#!/bin/sh\nexit 0\r\n', 'the lines of the hook end with CR LF'],
  ])('%j: %s', (text, what) => {
    expect(lint(text)).toEqual({ mistakes: [what], warnings: [] });
  });

  it('warns of a missing exec bit only where the mode is known', () => {
    expect(lint('#!/bin/sh\n').warnings).toEqual([]);
    expect(lint('#!/bin/sh\n', 0o644).warnings).toEqual(['the hook is not executable']);
    expect(lint('#!/bin/sh\n', 0o744).warnings).toEqual([]);
  });

  it('tells where', () => {
    const [mistake] = lintHook('services/web/bin/start', new Uint8Array()).mistakes;
    expect(mistake?.at).toEqual({ file: 'services/web/bin/start', line: 1, column: 1 });
  });
});
