import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { haulout } from '../support/cli.ts';
import { CLI } from '../support/try.ts';

const COMMANDS = ['try', 'init', 'lint', 'plan', 'userdata', 'fleet', 'explain'];

const NEXT = (what: string, command: string) => `haulout: ${what}\nhaulout: next: ${command} --help\n`;

describe('the command line', () => {
  it('knows its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await haulout(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('explains itself, on standard output, with every command, an example and the exit codes', async () => {
    const { code, stdout, stderr } = await haulout(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    expect(stdout).toMatch(/Examples:\n {2}haulout init planet && haulout try planet\n/);
    expect(stdout).toContain('Exit codes: 0 done, 1 failed, 2 differences');
  });

  it.each(COMMANDS)('explains %s, with an example of it', async (command) => {
    for (const words of [
      [command, '--help'],
      ['help', command],
    ]) {
      const { code, stdout } = await haulout(words);
      expect(code).toBe(0);
      expect(stdout).toMatch(new RegExp(`^Usage: haulout ${command} `));
      expect(stdout).toMatch(new RegExp(`Examples:\n  haulout ${command} `));
    }
  });

  it.each([
    ['a command that is none', ['tyr'], NEXT("unknown command 'tyr' (Did you mean try?)", 'haulout')],
    [
      'a flag that is none',
      ['lint', '--jason'],
      NEXT("unknown option '--jason' (Did you mean --json?)", 'haulout lint'),
    ],
    ['a word too many', ['lint', 'a', 'b'], /^haulout: too many arguments .*\nhaulout: next: haulout lint --help\n$/],
    ['a word too few', ['userdata'], NEXT("missing required argument 'bucket'", 'haulout userdata')],
    ['the same further down', ['fleet', 'page'], NEXT("missing required argument 'bucket'", 'haulout fleet page')],
    ['what a terminal would obey', ['\x1b[31m'], NEXT("unknown command '\\x1b[31m'", 'haulout')],
    ['no word at all', [], /^Usage: haulout /],
  ])('refuses %s with 64', async (_what, words, message) => {
    const { code, stdout, stderr } = await haulout(words);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    if (typeof message === 'string') expect(stderr).toBe(message);
    else expect(stderr).toMatch(message);
  });

  it.each([['status'], ['sync', '--json'], ['logs', 'web'], ['service', '--help'], ['shutdown', '--within', '5s']])(
    'knows where `haulout %s` is a command',
    async (...words) => {
      const { code, stdout, stderr } = await haulout(words);
      expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
      expect(stderr).toMatch(/a command on a machine, not on the desk\nhaulout: next: run it there; from here: /);
    },
  );

  it.each([
    ['push', ['push', '.', 's3://bkt/planet', '--timeout', '3']],
    ['swap', ['swap', 'i-0123456789abcdef0', '--hold', 'x']],
    ['launch', ['launch', 's3://bkt/planet', '--hold', 'x']],
  ])('names %s, and no other command, where its duration is none', async (command, words) => {
    expect((await haulout(words)).stderr).toMatch(new RegExp(`^haulout: ${command}: --\\w+: this is not a duration\n`));
  });

  it('takes it calmly when nobody reads on', async () => {
    for (const stream of ['stdout', 'stderr'] as const) {
      const child = spawn(process.execPath, [CLI, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
      let talk = '';
      child.stderr.on('data', (chunk: Buffer) => (talk += chunk));
      child[stream].destroy();
      expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
      expect(talk).toBe('');
    }
  });
});
