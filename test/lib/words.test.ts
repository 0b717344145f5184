import { describe, expect, it } from 'vitest';
import { asTrouble, errorCode, HauloutError } from '../../src/lib/errors.ts';
import { type Level, lineLog, visible, visibleName } from '../../src/lib/log.ts';
import { suggest } from '../../src/lib/suggest.ts';
import { Chance } from '../support/chance.ts';

describe('visible', () => {
  it.each([
    ['\u001b[31mred\u001b[0m', '\\x1b[31mred\\x1b[0m'],
    ['a\u0000b\u0007c\u0008', 'a\\x00b\\x07c\\x08'],
    ['over\rwritten', 'over\\x0dwritten'],
    ['\u009b2J\u007f\u0085', '\\x9b2J\\x7f\\x85'],
    ['txt.\u202eexe\u2066\u2069\u200f\u2028', 'txt.\\u202eexe\\u2066\\u2069\\u200f\\u2028'],
    ['tab\tand\nline', 'tab\tand\nline'],
    ['\u00e9 \u4e16 \u{1f9ad} \u00a0', '\u00e9 \u4e16 \u{1f9ad} \u00a0'],
    ['', ''],
  ])('%j becomes %j', (text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  it('a name has no lines and no tabs either', () => {
    expect(visibleName('a\nb\tc\u001b')).toBe('a\\x0ab\\x09c\\x1b');
  });

  it('leaves nothing that a terminal obeys, whatever came in', () => {
    const chance = new Chance();
    const cases = 2_000;
    for (let i = 0; i < cases; i++) {
      const text = String.fromCharCode(
        ...Array.from({ length: 30 }, () => chance.below(chance.pick([0x20, 0xa0, 0xffff]))),
      );
      expect(visible(text)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
      expect(visibleName(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }
    console.log(`visible: ${cases} texts, seed ${chance.seed}`);
  });
});

describe('the log', () => {
  const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];
  const written = (options: Parameters<typeof lineLog>[1], message = 'word'): string[] => {
    const lines: string[] = [];
    const log = lineLog((line) => lines.push(line), options);
    for (const level of LEVELS) log[level](message);
    return lines;
  };

  it('says time and level, from info on', () => {
    const lines = written({});
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info {2}word\n$/);
    expect(lines[2]).toMatch(/Z error word\n$/);
  });

  it('says the priority for a journal', () => {
    expect(written({ journal: true, least: 'debug' })).toEqual(['<7>word\n', '<6>word\n', '<4>word\n', '<3>word\n']);
  });

  it.each(LEVELS.map((least, below) => [least, LEVELS.length - below] as const))(
    'from %s on has %i of four',
    (least, count) => {
      expect(written({ least })).toHaveLength(count);
    },
  );

  it('begins every line with its head, so that a message cannot pass for another', () => {
    const lines = written({ journal: true, least: 'error' }, 'first\n<0>second\r<0>third\u001b[2J');
    expect(lines).toEqual(['<3>first\n', '<3><0>second\\x0d<0>third\\x1b[2J\n']);
  });
});

describe('suggest', () => {
  const WORDS = ['version', 'schedule', 'timezone', 'splay', 'upgrade', 'image', 'user', 'port'];

  it.each([
    ['verison', 'version'],
    ['Version', 'version'],
    ['scedule', 'schedule'],
    ['schedulle', 'schedule'],
    ['time-zone', 'timezone'],
    ['prot', 'port'],
    ['usr', 'user'],
    ['upgarde', 'upgrade'],
  ])('%s was meant to be %s', (text, word) => {
    expect(suggest(text, WORDS)).toBe(word);
  });

  it.each(['', 'colour', 'xyz', 'zzzzzzzzzzzzzzzzzzzz', '__proto__', 'constructor'])(
    '%j is near to nothing',
    (text) => {
      expect(suggest(text, WORDS)).toBeUndefined();
    },
  );

  it('of nothing known is nothing, and a word itself is itself', () => {
    expect(suggest('port', [])).toBeUndefined();
    for (const word of WORDS) expect(suggest(word, WORDS)).toBe(word);
  });

  it('takes the nearest, and the first of two that are as near', () => {
    expect(suggest('imag', ['imago', 'image'])).toBe('imago');
    expect(suggest('images', ['imago', 'image'])).toBe('image');
  });

  it('is quick with a word that is long', () => {
    const started = performance.now();
    expect(suggest('x'.repeat(100_000), WORDS)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('trouble', () => {
  const told = { code: 'a-b', step: 'files', subject: 'file:/x', reason: 'r', hint: 'h' };

  it('is said in one line: step, subject, reason', () => {
    const cause = new Error('below');
    const error = new HauloutError(told, cause);
    expect([error.message, error.cause, error.name]).toEqual(['files: file:/x: r', cause, 'HauloutError']);
    expect('cause' in new HauloutError(told)).toBe(false);
  });

  it('of our own is kept as it is, a stranger\u2019s is wrapped', () => {
    expect(asTrouble(new HauloutError(told), 'other', 'other')).toEqual(told);
    const stranger = Object.assign(new Error('no such file'), { code: 'ENOENT' });
    expect(asTrouble(stranger, 'files', 'file:/y')).toMatchObject({
      code: 'ENOENT',
      step: 'files',
      subject: 'file:/y',
      reason: 'no such file',
    });
  });

  it.each([undefined, null, 'text', 7, {}, [], { code: 7 }])('thrown as %j has no code and is unexpected', (thrown) => {
    expect(errorCode(thrown)).toBeUndefined();
    expect(asTrouble(thrown, 's', 'x').code).toBe('unexpected');
  });
});
