import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type RunOptions, run, SYSTEM_ENVIRONMENT } from '../../src/lib/exec.ts';
import { rejection } from '../support/readers.ts';
import { eventually, isAlive, put, scratch } from '../support/scratch.ts';

const sh = (script: string, options: Partial<RunOptions> = {}) =>
  run(['sh', '-c', script], { timeoutMs: 20_000, env: SYSTEM_ENVIRONMENT, ...options });
const OWNER = { uid: process.getuid!(), gid: process.getgid!() };

/** The number in a file, when it is there; that process is ended with the test. */
async function pidIn(path: string): Promise<number> {
  await eventually(() => /\d\n/.test(read(path)));
  const pid = Number(read(path));
  onTestFinished(() => void (isAlive(pid) && process.kill(pid, 'SIGKILL')));
  return pid;
}
const read = (path: string) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

describe('a program that ends', () => {
  it('tells its code, its output in both streams, and standard output alone', async () => {
    const result = await sh('echo out; sleep 0.05; echo err >&2; exit 7');
    expect(result).toMatchObject({ code: 7, signal: null, timedOut: false, output: 'out\nerr\n', stdout: 'out\n' });
    expect(result.durationMs).toBeGreaterThan(40);
  });

  it('by a signal tells which', async () => {
    expect(await sh('kill -9 $$')).toMatchObject({ code: null, signal: 'SIGKILL', timedOut: false });
  });

  it('has read its input, or had none', async () => {
    expect((await sh('cat', { input: 'in\n' })).stdout).toBe('in\n');
    expect((await sh('cat', { input: Buffer.alloc(300_000, 'x') })).stdout).toHaveLength(65_536);
    expect((await sh('cat; readlink /proc/self/fd/0')).stdout).toBe('/dev/null\n');
  });

  it('without reading a long input is judged by its code', async () => {
    expect((await sh('exit 3', { input: Buffer.alloc(5_000_000) })).code).toBe(3);
  });

  it('has the environment and the directory it was given, and nothing of ours', async () => {
    process.env['HAULOUT_TEST_SECRET'] = 'hush';
    onTestFinished(() => void delete process.env['HAULOUT_TEST_SECRET']);
    const cwd = scratch();
    const { stdout } = await run(['/usr/bin/env'], { timeoutMs: 20_000, env: { ONLY: 'this' }, cwd });
    expect(stdout).toBe('ONLY=this\n');
    expect((await sh('pwd', { cwd })).stdout).toBe(`${cwd}\n`);
  });

  it('passes arguments as they are, without a shell', async () => {
    const odd = ['a b', '$HOME', '; exit 1', '*', '', '\n'];
    const { stdout } = await run(['printf', '[%s]', ...odd], { timeoutMs: 20_000, env: SYSTEM_ENVIRONMENT });
    expect(stdout).toBe(odd.map((each) => `[${each}]`).join(''));
  });

  it('tells each piece of output as it comes', async () => {
    const pieces: string[] = [];
    await sh('echo one; sleep 0.1; echo two >&2', { onOutput: (chunk) => pieces.push(chunk.toString()) });
    expect(pieces).toEqual(['one\n', 'two\n']);
  });

  it('is kept the end of its output only', async () => {
    const { output, stdout } = await sh('seq 1 200000; echo the end', { keepBytes: 100 });
    expect([output.length, stdout.length]).toEqual([100, 100]);
    expect(output.endsWith('200000\nthe end\n')).toBe(true);
    expect((await sh('head -c 50000000 /dev/zero; printf end')).output).toMatch(/end$/);
  });

  it('with a pipe of its own can open its output by name', async () => {
    const result = await sh('echo out > /dev/stdout; echo err > /dev/stderr', { outputOf: OWNER });
    expect(result).toMatchObject({ code: 0, output: 'out\nerr\n' });
  });
});

describe('a program that cannot be started', () => {
  it.each([
    ['is not there', ['/nowhere/at/all'], {}, 'ENOENT'],
    ['is not on the path', ['no-such-program-of-this-test'], {}, 'ENOENT'],
    ['is a directory', ['/'], {}, 'EACCES'],
    ['has no directory to run in', ['true'], { cwd: '/nowhere' }, 'ENOENT'],
  ] as const)('because it %s is a rejection', async (_, argv, more, code) => {
    const options = { timeoutMs: 20_000, env: SYSTEM_ENVIRONMENT, ...more };
    expect(await rejection(run([...argv], options))).toMatchObject({ code });
    expect(await rejection(run([...argv], { ...options, input: 'x' }))).toMatchObject({ code });
  });

  it('because it is not executable is a rejection', async () => {
    const path = put(join(scratch(), 'program'), '#!/bin/sh\n', 0o644);
    expect(await rejection(run([path], { timeoutMs: 20_000, env: {} }))).toMatchObject({ code: 'EACCES' });
  });
});

describe('a time limit', () => {
  it('ends a program that waits', async () => {
    const result = await sh('echo started; sleep 600', { timeoutMs: 150 });
    expect(result).toMatchObject({ code: null, signal: 'SIGTERM', timedOut: true, output: 'started\n' });
    expect(result.durationMs).toBeLessThan(3_000);
  });

  it('ends one that will not be told, after its grace', async () => {
    const result = await sh(`trap '' TERM; while :; do sleep 0.05; done`, { timeoutMs: 100, graceMs: 200 });
    expect(result).toMatchObject({ code: null, signal: 'SIGKILL', timedOut: true });
    expect(result.durationMs).toBeGreaterThan(290);
    expect(result.durationMs).toBeLessThan(4_000);
  });

  it('lets one that cleans up within its grace end as it likes', async () => {
    const script = `trap 'echo cleaned; exit 5' TERM; while :; do sleep 0.02; done`;
    expect(await sh(script, { timeoutMs: 150 })).toMatchObject({ code: 5, timedOut: true, stdout: 'cleaned\n' });
  });

  it('ends the whole group, children that will not be told among it', async () => {
    const path = join(scratch(), 'pid');
    const script = `sh -c 'trap "" TERM; echo $$ > ${path}; while :; do sleep 0.05; done' & sleep 600`;
    const ended = sh(script, { timeoutMs: 400, graceMs: 200 });
    const pid = await pidIn(path);
    expect(isAlive(pid)).toBe(true);
    expect(await ended).toMatchObject({ timedOut: true });
    expect(await eventually(() => !isAlive(pid))).toBe(true);
  });
});

describe('a daemon that is left behind', () => {
  it.each([
    ['sockets', {}],
    ['a pipe of its own', { outputOf: OWNER }],
  ])('and holds the output (%s) holds nobody up', async (_, more) => {
    const path = join(scratch(), 'pid');
    const result = await sh(`setsid sh -c 'echo $$ > ${path}; exec sleep 600' & echo started`, more);
    expect(result).toMatchObject({ code: 0, timedOut: false, output: 'started\n' });
    expect(result.durationMs).toBeLessThan(3_000);
    expect(isAlive(await pidIn(path))).toBe(true);
  });
});

describe('a signal', () => {
  it('ends a program that runs', async () => {
    const ending = new AbortController();
    const onOutput = () => ending.abort();
    const result = await sh('echo started; sleep 600', { signal: ending.signal, onOutput });
    expect(result).toMatchObject({ signal: 'SIGTERM', timedOut: false });
    expect(result.durationMs).toBeLessThan(3_000);
  });

  it('that comes when the program has ended does nothing', async () => {
    const ending = new AbortController();
    const result = await sh('exit 0', { signal: ending.signal });
    ending.abort();
    expect(result.code).toBe(0);
  });
});

it('forty programs at once get their own output each, and leave no descriptor', async () => {
  const open = () => readdirSync('/proc/self/fd').length;
  await sh('true');
  const before = open();
  const results = await Promise.all(Array.from({ length: 40 }, (_, i) => sh(`echo ${i}; echo ${i} >&2`)));
  expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 40 }, (_, i) => `${i}\n`));
  expect(await eventually(() => open() <= before)).toBe(true);
});
