import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { tryLock } from '../../src/agent/lock.ts';
import { bundle } from '../support/gateway.ts';
import { command, describeWith } from '../support/needs.ts';
import { eventually, isAlive, put, scratch } from '../support/scratch.ts';

describeWith([command('flock', 'util-linux')], 'the lock of the agent', () => {
  const directory = mkdtempSync(join(tmpdir(), 'haulout-lock-'));
  let program = '';
  beforeAll(async () => {
    program = await bundle(new URL('../support/lock-holder.ts', import.meta.url), join(directory, 'holder.mjs'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  interface Holder {
    readonly process: ChildProcess;
    said: string;
  }

  function start(path: string, at = 0, child = ''): Holder {
    const holder: Holder = {
      process: spawn(process.execPath, [program, path, String(at), child], { stdio: 'pipe' }),
      said: '',
    };
    holder.process.stdout?.on('data', (chunk: Buffer) => {
      holder.said += chunk.toString();
    });
    onTestFinished(() => {
      holder.process.kill('SIGKILL');
    });
    return holder;
  }

  const said = (holder: Holder) => eventually(() => /held|busy/.test(holder.said), 20_000);

  it('is held by exactly one of fifty that are started together', async () => {
    for (const damaged of [false, true]) {
      const path = join(scratch(), 'lock');
      if (damaged) put(join(path, 'in', 'the way'), '');
      const holders = Array.from({ length: 50 }, () => start(path, Date.now() + 5_000));
      for (const holder of holders) expect(await said(holder)).toBe(true);
      expect(holders.filter((holder) => holder.said.includes('held'))).toHaveLength(1);
      for (const holder of holders) holder.process.kill('SIGKILL');
    }
  }, 120_000);

  it('is free the moment its holder is killed, whatever its holder left running', async () => {
    const path = join(scratch(), 'lock');
    const holder = start(path, 0, '30');
    expect(await said(holder)).toBe(true);
    const child = Number(/child (\d+)/.exec(holder.said)?.[1]);
    onTestFinished(() => {
      process.kill(child, 'SIGKILL');
    });
    expect(tryLock(path)).toBeUndefined();
    holder.process.kill('SIGKILL');
    await new Promise((resolve) => holder.process.once('exit', resolve));
    const lock = tryLock(path);
    expect(lock).toBeDefined();
    expect(isAlive(child)).toBe(true);
    lock?.release();
  });

  it('is free when it is released, and can be had again', () => {
    const path = join(scratch(), 'lock');
    for (let time = 0; time < 3; time++) {
      const lock = tryLock(path);
      expect(lock).toBeDefined();
      expect(tryLock(path)).toBeUndefined();
      lock?.release();
    }
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it.each<[string, (path: string) => void]>([
    ['an old file with something in it', (path) => put(path, '4711\n', 0o644)],
    ['a directory', (path) => mkdirSync(join(path, 'x'), { recursive: true })],
    ['a link to a file', (path) => symlinkSync(put(`${path}.precious`, 'keep'), path)],
    ['a link to nothing', (path) => symlinkSync('/nowhere/at/all', path)],
    ['a pipe', (path) => spawnSync('mkfifo', [path])],
  ])('is had where %s stands in its place', (_what, make) => {
    const path = join(scratch(), 'lock');
    make(path);
    const lock = tryLock(path);
    expect(lock).toBeDefined();
    expect(tryLock(path)).toBeUndefined();
    lock?.release();
    if (existsSync(`${path}.precious`)) expect(statSync(`${path}.precious`).size).toBe(4);
  });

  it('that cannot be made is an error, not somebody else', () => {
    expect(() => tryLock('/nowhere/at/all/lock')).toThrow('ENOENT');
  });
});
