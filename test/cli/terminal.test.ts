import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { run } from '../../src/lib/exec.ts';
import { command, describeWith, root } from '../support/needs.ts';
import { roleForAll, TINIEST, testDirectory } from '../support/role-files.ts';
import { CLI } from '../support/try.ts';

const HELLO = fileURLToPath(new URL('../../buckets/hello', import.meta.url));
const script = command('script', 'bsdutils');

/** All that comes on a terminal, control codes included. */
async function onTerminal(words: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const line = [process.execPath, CLI, ...words].map((word) => `'${word}'`).join(' ');
  const { code, stdout } = await run(['script', '-qec', line, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...env },
    timeoutMs: 60_000,
  });
  expect(code, stdout).toBe(0);
  return stdout.replaceAll('\r\n', '\n');
}

describeWith([script], 'on a terminal', () => {
  it('words are coloured, and no code of a colour is shown as text', async () => {
    const output = await onTerminal(['lint', HELLO]);
    expect(output).toContain('\x1b[32mno mistakes\x1b[39m');
    expect(output).not.toContain('\\x1b');
  });

  it('words are plain with NO_COLOR', async () => {
    const output = await onTerminal(['lint', HELLO], { NO_COLOR: '1' });
    expect(output).toContain('no mistakes');
    expect(output).not.toContain('\x1b');
  });
});

describeWith([root, script], 'haulout try on a terminal', () => {
  const role = roleForAll(join(testDirectory(), 'tiniest'), TINIEST);

  it('says what is under way in a last line that leaves no trace', async () => {
    const output = await onTerminal(['try', role, '--once']);
    expect(output).toMatch(/\r\x1b\[K.* s {2}\.\.\. +\w/);
    const left = output.split('\n').map((line) => line.slice(line.lastIndexOf('\x1b[K') + 1));
    expect(left.join('\n')).toMatch(/ready/);
    expect(left.filter((line) => / s {2}\.\.\. /.test(line))).toEqual([]);
  }, 60_000);

  it('has no such line with NO_COLOR', async () => {
    expect(await onTerminal(['try', role, '--once'], { NO_COLOR: '1' })).not.toMatch(/[\x1b\r]/);
  }, 60_000);
});
