import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Containment, chooseContainment, serviceScope } from '../../src/services/contain.ts';
import { lateContainment } from '../../src/services/contain-late.ts';
import { scanContainment } from '../../src/services/contain-scan.ts';
import { systemdCommand } from '../../src/services/contain-systemd.ts';
import { endHerd } from '../../src/services/processes.ts';
import { cgroup2, cgroup2Mount, containmentOf, removeCgroup } from '../support/containments.ts';
import { describeWith, root } from '../support/needs.ts';
import { eventually, isAlive, put, scratch } from '../support/scratch.ts';

const MOUNTS = (type: string, at: string) =>
  `31 23 0:28 / /x rw - tmpfs tmpfs rw\n41 31 0:38 / ${at} rw,relatime - ${type} rw\n`;

describe('a system that goes down', () => {
  it('starts no units: what runs is known by its cookie, and what was started before is ended where it is', async () => {
    const ended: string[] = [];
    const systemd: Containment = {
      ...scanContainment('haulout'),
      kind: 'systemd',
      command: () => ['systemd-run'],
      members: async () => [1],
      scopes: async () => ['service-web'],
      end: async (scope) => void ended.push(scope),
    };
    const name = `haulout-late-${process.pid}`;
    const late = lateContainment(systemd, name);
    const argv = ['/bin/sleep', '600'] as const;
    expect([late.kind, late.command('service-web', argv)]).toEqual(['scan', argv]);
    const child = spawn('/bin/sleep', ['600'], { env: { HAULOUT_SCOPE: late.cookie('service-web') }, detached: true });
    onTestFinished(() => void child.kill('SIGKILL'));
    expect(await eventually(async () => (await late.members('service-web')).length === 2)).toBe(true);
    expect(await late.scopes()).toEqual(['service-web']);
    await late.end('service-web', 200);
    expect([ended, await late.members('service-web')]).toEqual([['service-web'], [1]]);
  });

  it('changes nothing where there is no systemd', () => {
    const scan = scanContainment('haulout');
    expect(lateContainment(scan)).toBe(scan);
  });
});

describe('the choice of a driver', () => {
  it('is systemd where systemd is the init', async () => {
    const systemd = scratch();
    for (const type of ['cgroup2 cgroup2', 'cgroup cgroup rw,name=systemd']) {
      const mountinfo = put(join(scratch(), 'mountinfo'), MOUNTS(type, '/sys/fs/cgroup'));
      expect((await chooseContainment({ systemd, mountinfo })).kind).toBe('systemd');
    }
  });

  it('is cgroup v2 where it may be written, else the scan', async () => {
    const systemd = '/nonexistent';
    const nowhere = put(join(scratch(), 'mountinfo'), MOUNTS('cgroup2 cgroup2', '/nonexistent/cgroup'));
    expect((await chooseContainment({ systemd, mountinfo: '/nonexistent' })).kind).toBe('scan');
    expect((await chooseContainment({ systemd, mountinfo: nowhere })).kind).toBe('scan');
    expect(existsSync('/nonexistent')).toBe(false);
    const readOnly = put(join(scratch(), 'mountinfo'), MOUNTS('cgroup2 cgroup2', '/proc'));
    expect((await chooseContainment({ systemd, mountinfo: readOnly })).kind).toBe('scan');
    const plain = scratch(); // a directory, but no cgroup
    const fake = put(join(scratch(), 'mountinfo'), MOUNTS('cgroup2 cgroup2', plain));
    expect((await chooseContainment({ systemd, mountinfo: fake })).kind).toBe('scan');
    expect(readdirSync(plain)).toEqual([]);
    await expect(chooseContainment({ name: '../x' })).rejects.toThrow(TypeError);
  });
});

describe('systemd', () => {
  it('is asked for a scope in a slice of its own, outside of the agent', () => {
    expect(systemdCommand('haulout', serviceScope('my-web_1'), 'ab12', ['bin/start', 'my-web_1', '-x'])).toEqual([
      'systemd-run',
      '--scope',
      '--quiet',
      '--collect',
      '--slice=haulout-service\\x2dmy\\x2dweb_1.slice',
      '--unit=haulout-service\\x2dmy\\x2dweb_1-ab12.scope',
      '--',
      'bin/start',
      'my-web_1',
      '-x',
    ]);
    expect(() => systemdCommand('haulout', 'a/../b', 'ab12', ['true'])).toThrow(TypeError);
  });
});

describeWith([root, cgroup2], 'cgroup v2', () => {
  it('holds what the scope begets, is outside of our own cgroup, and leaves no directory', async () => {
    const name = `haulout-contain-${process.pid}`;
    const containment = await chooseContainment({ name, systemd: '/nonexistent' });
    onTestFinished(() => removeCgroup(name));
    expect(containment.kind).toBe('cgroup');
    const script = 'setsid sh -c "sleep 1000 & sleep 1000" & exec sleep 1000';
    const [program, ...rest] = containment.command('service-web', ['sh', '-c', script]);
    const child = spawn(program, rest, { stdio: 'ignore', detached: true });
    expect(await eventually(async () => (await containment.members('service-web')).length === 4)).toBe(true);
    expect(await containment.members('service-web')).toContain(child.pid);
    expect(await containment.members('service-web')).not.toContain(process.pid);
    mkdirSync(join(cgroup2Mount!, name, 'service-web', 'of-its-own'));
    await containment.end('service-web', 500);
    expect(await containment.members('service-web')).toEqual([]);
    expect(existsSync(join(cgroup2Mount!, name, 'service-web'))).toBe(false);
    await containment.end('service-web', 500);
  });

  it('ends those who are just about to enter, too', async () => {
    const name = `haulout-late-${process.pid}`;
    const containment = await containmentOf('cgroup', name);
    onTestFinished(() => removeCgroup(name));
    const directory = join(cgroup2Mount!, name, 'run-late');
    const [program, ...rest] = containment.command('run-late', ['sleep', '1000']);
    for (let round = 0; round < 60; round++) {
      const child = spawn(program, rest, { stdio: 'ignore', detached: true });
      // Between these two moments the directory is there and nobody is in it.
      while (!existsSync(directory) && isAlive(child.pid!)) await new Promise(setImmediate);
      await containment.end('run-late', 500);
      expect(existsSync(directory)).toBe(false);
      expect(await eventually(() => !isAlive(child.pid!))).toBe(true);
    }
  });

  it('stops a fork bomb that ignores TERM', async () => {
    const name = `haulout-bomb-${process.pid}`;
    const containment = await containmentOf('cgroup', name);
    onTestFinished(() => removeCgroup(name));
    const script = 'trap "" TERM; for i in 1 2 3 4 5 6 7 8; do (while :; do sleep 0.05; done) & done; wait';
    const [program, ...rest] = containment.command('run-bomb', ['sh', '-c', script]);
    spawn(program, rest, { stdio: 'ignore', detached: true });
    expect(await eventually(async () => (await containment.members('run-bomb')).length > 8)).toBe(true);
    await containment.end('run-bomb', 100);
    expect(await containment.members('run-bomb')).toEqual([]);
  });
});

describeWith([root], 'the scan', () => {
  const begin = (env: Record<string, string>, script: string) => {
    const child = spawn('sh', ['-c', script], {
      env: { PATH: process.env['PATH']!, ...env },
      stdio: 'ignore',
      detached: true,
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    return child.pid!;
  };

  it('knows its own by cookie, by parent and by session, and nobody else', async () => {
    const containment = scanContainment(`scan-${process.pid}`);
    const cookie = { HAULOUT_SCOPE: containment.cookie('service-web') };
    const cleared = begin(cookie, 'env -i sleep 1000 & sleep 1000');
    const other = begin({ HAULOUT_SCOPE: containment.cookie('service-web2') }, 'exec sleep 1000');
    const stranger = begin({}, 'exec sleep 1000');
    expect(await eventually(async () => (await containment.members('service-web')).length === 3)).toBe(true);
    expect(await containment.members('service-web')).toContain(cleared);
    expect((await containment.scopes()).sort()).toEqual(['service-web', 'service-web2']);
    await containment.end('service-web', 500);
    expect(await containment.members('service-web')).toEqual([]);
    expect(isAlive(other)).toBe(true);
    expect(isAlive(stranger)).toBe(true);
    await containment.end('service-web2', 500);
    expect(isAlive(other)).toBe(false);
  });

  it('is never its own victim, though it was begun from a hook', async () => {
    const containment = scanContainment(`scan-${process.pid}`);
    const members = await containment.members('service-web');
    expect(members).not.toContain(process.pid);
  });
});

describe('ending', () => {
  it('says so when something survives KILL', { timeout: 15_000 }, async () => {
    const herd = { name: 'service-web', members: async () => [2 ** 22 + 1] };
    await expect(endHerd(herd, 50)).rejects.toMatchObject({ code: 'scope-not-ended' });
  });
});
