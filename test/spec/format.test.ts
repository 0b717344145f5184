import { describe, expect, it } from 'vitest';
import { formatMistake, formatMistakes, toFinding } from '../../src/spec/format.ts';

const at = { file: 'haulout.ini', line: 12, column: 3 };
const mistake = { at, what: 'this is not a port', instead: 'write a number from 1 to 65535' };

describe('a finding', () => {
  it('is two lines for people', () => {
    expect(formatMistake(mistake)).toBe(
      'haulout.ini:12:3: this is not a port\n    write instead: a number from 1 to 65535',
    );
    expect(formatMistake({ ...mistake, instead: 'did you mean `port`?' }, 'warning')).toBe(
      'haulout.ini:12:3: warning: this is not a port\n    did you mean `port`?',
    );
    expect(formatMistakes([mistake, mistake]).split('\n')).toHaveLength(5);
    expect(formatMistakes([])).toBe('');
  });

  it('is one flat object for programs', () => {
    const flat = { file: 'haulout.ini', line: 12, column: 3, what: mistake.what, instead: mistake.instead };
    expect(toFinding(mistake)).toEqual({ ...flat, severity: 'mistake' });
    expect(toFinding(mistake, 'warning')).toEqual({ ...flat, severity: 'warning' });
  });

  it('shows the control characters of a hostile name', () => {
    const hostile = { ...mistake, at: { ...at, file: 'root/a\n\u001b[2Jb' } };
    expect(formatMistake(hostile).split('\n')[0]).toBe('root/a\\x0a\\x1b[2Jb:12:3: this is not a port');
  });
});
