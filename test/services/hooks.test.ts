import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Containment, endPassingScopes, passingScope, serviceScope } from '../../src/services/contain.ts';
import { type Hook, type HookCall, type HookTools, type Ran, runCommand, runHook } from '../../src/services/hooks.ts';
import { trimLogs } from '../../src/services/trim-logs.ts';
import { cgroup2, containmentOf, removeCgroup } from '../support/containments.ts';
import { describeWith, root } from '../support/needs.ts';
import { eventually, isAlive, put, scratch } from '../support/scratch.ts';

const GRACE_MS = 400;

for (const kind of ['cgroup', 'scan'] as const) {
  describeWith(kind === 'cgroup' ? [root, cgroup2] : [root], `hooks, held by ${kind}`, () => zoo(kind));
}

function zoo(kind: 'cgroup' | 'scan'): void {
  const name = `haulout-hooks-${kind}-${process.pid}`;
  let containment: Containment;
  beforeAll(async () => {
    containment = await containmentOf(kind, name);
    expect(containment.kind).toBe(kind);
  });
  afterAll(async () => {
    expect(await containment.scopes()).toEqual([]);
    if (kind === 'cgroup') removeCgroup(name);
  });

  function setting(hook: Hook, script: string | Buffer, mode = 0o755) {
    const directory = join(scratch(), 'web');
    put(join(directory, 'bin', hook), script, mode);
    const tools: HookTools = { containment, instanceId: 'i-1', role: 'planet', logs: scratch(), graceMs: GRACE_MS };
    const call: HookCall = { service: 'web', directory, hook, user: 'root', timeoutMs: 10_000 };
    return { tools, call, directory };
  }

  async function ran(hook: Hook, script: string, more: Partial<HookCall> = {}): Promise<Ran> {
    const { tools, call } = setting(hook, script);
    const result = await runHook(tools, { ...call, ...more });
    expect(result.kind).toBe('ran');
    return result as Ran;
  }

  const pidIn = (result: Ran) => Number(/pid (\d+)/.exec(result.output)?.[1]);

  it('succeeds, with its output', async () => {
    const chunks: string[] = [];
    const result = await ran('configure', '#!/bin/sh\necho out; echo err >&2\n', {
      onOutput: (chunk) => chunks.push(chunk.toString()),
    });
    expect(result).toMatchObject({ ok: true, code: 0, signal: null, timedOut: false });
    expect(result.output.split('\n').sort()).toEqual(['', 'err', 'out']);
    expect(chunks.join('')).toHaveLength(8);
  });

  it('fails by its exit code', async () => {
    expect(await ran('configure', '#!/bin/sh\nexit 3\n')).toMatchObject({ ok: false, code: 3, signal: null });
  });

  it('ends by a signal', async () => {
    expect(await ran('configure', '#!/bin/sh\nkill -SEGV $$\n')).toMatchObject({
      ok: false,
      code: null,
      signal: 'SIGSEGV',
    });
  });

  it('is not there', async () => {
    const { tools, call } = setting('start', '#!/bin/sh\n');
    expect(await runHook(tools, { ...call, hook: 'stop' })).toEqual({ kind: 'missing' });
    expect(await runHook(tools, { ...call, directory: '/nonexistent' })).toEqual({ kind: 'missing' });
  });

  it.each([
    ['no x bit', '#!/bin/sh\n', 0o644, /not executable \(EACCES\)/, /x bit/],
    [
      'an interpreter that is not there',
      '#!/usr/bin/perl9\n',
      0o755,
      /needs \/usr\/bin\/perl9.*ENOENT/,
      /\[packages\]/,
    ],
    ['a program that env does not find', '#!/usr/bin/env -S python9 -u\n', 0o755, /needs python9/, /\[packages\]/],
    ['an interpreter that is no program', '#!/etc/passwd\n', 0o755, /EACCES/, /first line/],
    ['a directory as interpreter', '#!/etc\n', 0o755, /EACCES/, /first line/],
    ['no interpreter', '#!\n', 0o755, /ENOENT/, /first line/],
    ['no first line', 'echo hello\n', 0o755, /ENOEXEC/, /#!\/bin\/sh/],
    ['nothing in it', '', 0o755, /ENOEXEC/, /#!\/bin\/sh/],
    ['Windows line ends', '#!/bin/sh\r\necho\r\n', 0o755, /Windows line ends/, /dos2unix/],
  ])('cannot be run: %s', async (_, script, mode, reason, hint) => {
    const { tools, call } = setting('start', script, mode);
    const done = runHook(tools, call);
    await expect(done).rejects.toMatchObject({ code: 'hook-not-runnable', step: 'service', subject: 'service:web' });
    await expect(done).rejects.toMatchObject({
      reason: expect.stringMatching(reason),
      hint: expect.stringMatching(hint),
    });
  });

  it('cannot be run: a directory, a loop of links, an unknown user', async () => {
    const { tools, call, directory } = setting('start', '#!/bin/sh\n');
    mkdirSync(join(directory, 'bin/stop'));
    await expect(runHook(tools, { ...call, hook: 'stop' })).rejects.toMatchObject({ code: 'hook-not-runnable' });
    symlinkSync('check', join(directory, 'bin/check'));
    await expect(runHook(tools, { ...call, hook: 'check' })).rejects.toMatchObject({ code: 'ELOOP' });
    await expect(runHook(tools, { ...call, user: 'no-such-user' })).rejects.toMatchObject({ code: 'user-unknown' });
  });

  it('runs a program that is no script', async () => {
    const { tools, call } = setting('check', readFileSync('/bin/true'));
    expect(await runHook(tools, call)).toMatchObject({ ok: true });
  });

  it('hangs: ended at its time limit', async () => {
    const result = await ran('configure', '#!/bin/sh\nsleep 1000\n', { timeoutMs: 300 });
    expect(result).toMatchObject({ ok: false, timedOut: true });
    expect(result.durationMs).toBeLessThan(300 + GRACE_MS + 1_500);
  });

  it('ignores TERM: killed after the grace, and not before', async () => {
    const script = '#!/bin/sh\ntrap "" TERM\nwhile :; do sleep 1; done\n';
    const result = await ran('configure', script, { timeoutMs: 300 });
    expect(result).toMatchObject({ ok: false, timedOut: true, signal: 'SIGKILL' });
    expect(result.durationMs).toBeGreaterThan(300 + GRACE_MS - 50);
    expect(result.durationMs).toBeLessThan(300 + GRACE_MS + 2_000);
  });

  it('a hidden child ignores TERM: killed too, within the same grace', async () => {
    const script = '#!/bin/sh\nsetsid sh -c \'trap "" TERM; echo pid $$; while :; do sleep 1; done\' &\nsleep 1000\n';
    const started = performance.now();
    const result = await ran('configure', script, { timeoutMs: 500 });
    expect(performance.now() - started).toBeLessThan(500 + GRACE_MS + 2_500);
    expect(isAlive(pidIn(result))).toBe(false);
  });

  it.each(['configure', 'stop', 'check', 'failed'] as const)(
    '%s leaves a child that holds its output: ended, at once',
    async (hook) => {
      const started = performance.now();
      const result = await ran(hook, '#!/bin/sh\nsleep 1000 &\necho pid $!\n');
      expect(performance.now() - started).toBeLessThan(2_500);
      expect(result.ok).toBe(true);
      expect(await eventually(() => !isAlive(pidIn(result)))).toBe(true);
    },
  );

  it('configure leaves a daemon in a session of its own, twice forked: ended', async () => {
    const script = '#!/bin/sh\n(setsid sh -c \'sh -c "sleep 1000" & echo pid $!\' &)\nsleep 0.3\n';
    const result = await ran('configure', script);
    expect(pidIn(result)).toBeGreaterThan(1);
    expect(await eventually(() => !isAlive(pidIn(result)))).toBe(true);
  });

  it('start leaves the same: it stays, and goes with the scope of the service', async () => {
    const script = '#!/bin/sh\n(setsid sh -c \'sh -c "sleep 1000" & echo pid $!\' &)\nsleep 0.3\n';
    const result = await ran('start', script);
    expect(result.ok).toBe(true);
    expect(isAlive(pidIn(result))).toBe(true);
    expect(await containment.members(serviceScope('web'))).toContain(pidIn(result));
    await containment.end(serviceScope('web'), GRACE_MS);
    expect(await containment.members(serviceScope('web'))).toEqual([]);
    expect(isAlive(pidIn(result))).toBe(false);
  });

  it('start leaves a daemon that goes on printing: nobody who stops reading ends it', async () => {
    const script = '#!/bin/sh\n(while :; do echo line; sleep 0.05; done) &\necho pid $!\n';
    const { tools, call } = setting('start', script);
    const first = (await runHook(tools, call)) as Ran;
    const log = join(tools.logs, 'web.log');
    const size = statSync(log).size;
    expect(await eventually(() => statSync(log).size > size + 20)).toBe(true);
    expect(isAlive(pidIn(first))).toBe(true);
    await trimLogs(tools.logs, 16);
    expect(await eventually(() => statSync(log).size < size + 20 && /line\n$/.test(readFileSync(log, 'utf8')))).toBe(
      true,
    );
    await containment.end(serviceScope('web'), GRACE_MS);
    expect(statSync(log).mode & 0o777).toBe(0o600);
  });

  it('start hangs: all of the scope is ended', async () => {
    const result = await ran('start', '#!/bin/sh\nsetsid sleep 1000 &\necho pid $!\nsleep 1000\n', { timeoutMs: 300 });
    expect(result).toMatchObject({ ok: false, timedOut: true });
    expect(await containment.members(serviceScope('web'))).toEqual([]);
    expect(isAlive(pidIn(result))).toBe(false);
  });

  it('start outlives the agent: what runs in a scope has nothing to do with who began it', async () => {
    const argv = containment.command(serviceScope('web'), ['/bin/sh', '-c', 'echo pid $$; exec sleep 1000']);
    const env = { PATH: process.env['PATH']!, HAULOUT_SCOPE: containment.cookie(serviceScope('web')) };
    const agent = spawn('sh', ['-c', '"$@" & wait', 'agent', ...argv], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    agent.stdout.on('data', (chunk) => {
      output += chunk;
    });
    expect(await eventually(() => output.includes('pid '))).toBe(true);
    agent.kill('SIGKILL');
    const pid = Number(/pid (\d+)/.exec(output)?.[1]);
    expect(isAlive(pid)).toBe(true);
    expect(await containment.members(serviceScope('web'))).toEqual([pid]);
    await containment.end(serviceScope('web'), GRACE_MS);
    expect(isAlive(pid)).toBe(false);
  });

  it('floods: the end of its output is kept, the rest is not', async () => {
    const result = await ran('configure', '#!/bin/sh\nhead -c 50000000 /dev/zero | tr "\\0" x\necho the end\n');
    expect(result.ok).toBe(true);
    expect(result.output.length).toBeLessThanOrEqual(65_536);
    expect(result.output).toMatch(/xthe end\n$/);
    const start = await ran('start', '#!/bin/sh\nhead -c 500000 /dev/zero | tr "\\0" x\necho the end\n');
    expect(start.output.length).toBeLessThanOrEqual(65_536);
    expect(start.output).toMatch(/xthe end\n$/);
  });

  it('reads its input: there is none', async () => {
    expect((await ran('configure', '#!/bin/sh\nreadlink /proc/self/fd/0\nwc -c\n')).output).toBe('/dev/null\n0\n');
  });

  it('gets its id, the cfg and what is added, as they are', async () => {
    const script = '#!/bin/sh\nfor a in "$0" "$@"; do echo "<$a>"; done\n';
    const plain = await ran('configure', script);
    expect(plain.output).toBe('<bin/configure>\n<web>\n');
    const more = await ran('failed', script, { cfg: '/run/x y', extraArguments: ['$(id)', '; rm', "it's"] });
    expect(more.output).toBe("<bin/failed>\n<web>\n</run/x y>\n<$(id)>\n<; rm>\n<it's>\n");
  });

  it('runs in the service directory with nothing of our environment', async () => {
    const hostile = [
      'LD_PRELOAD',
      'LD_LIBRARY_PATH',
      'NODE_OPTIONS',
      'BASH_ENV',
      'ENV',
      'PYTHONSTARTUP',
      'PERL5OPT',
      'IFS',
      'AWS_SECRET_ACCESS_KEY',
      'BASH_FUNC_env%%',
    ];
    const names = [...hostile, ...Array.from({ length: 40 }, (_, index) => `HOSTILE_${index}`)];
    for (const key of names) process.env[key] = '/hostile';
    try {
      const script = '#!/bin/sh\ntr "\\0" "\\n" < /proc/$$/environ\n';
      const { tools, call, directory } = setting('configure', script);
      const dumped = ((await runHook(tools, call)) as Ran).output.trim().split('\n').sort();
      const scope = dumped.find((line) => line.startsWith('HAULOUT_SCOPE='));
      expect(scope).toMatch(new RegExp(`^HAULOUT_SCOPE=${name}:run-web-configure-[0-9a-f]{8}$`));
      expect(dumped).toEqual([
        'HAULOUT_HOOK=configure',
        'HAULOUT_INSTANCE_ID=i-1',
        'HAULOUT_ROLE=planet',
        scope,
        'HAULOUT_SERVICE=web',
        `HOME=${directory}`,
        'LANG=C.UTF-8',
        'LOGNAME=root',
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'USER=root',
      ]);
      const zoned = (await runHook({ ...tools, timezone: 'Asia/Tokyo' }, call)) as Ran;
      expect(zoned.output).toContain('TZ=Asia/Tokyo\n');
    } finally {
      for (const key of names) delete process.env[key];
    }
  });

  it('leaves no core file and has the usual umask', async () => {
    const former = process.umask(0o077);
    try {
      const result = await ran('configure', '#!/bin/sh\nulimit -c; ulimit -H -c; umask; pwd -P\n');
      expect(result.output).toMatch(/^0\n0\n0022\n\/.*\/web\n$/);
    } finally {
      process.umask(former);
    }
  });

  it('is its user and nobody else', async () => {
    const script =
      '#!/bin/sh\nid -un; id -gn; id -G; echo $USER $LOGNAME; cat /etc/shadow && echo read\nsetpriv --dump | grep -i "effective cap"\n';
    const result = await ran('configure', script, { user: 'www-data' });
    expect(result.output).toMatch(/^www-data\nwww-data\n33\nwww-data www-data\n/);
    expect(result.output).not.toContain('\nread\n');
  });

  it('start as its user writes its log, and may open it by the name of its output', async () => {
    const { tools, call, directory } = setting('start', '#!/bin/sh\necho one\necho two >> /dev/stdout\n');
    chmodSync(directory, 0o755);
    const result = (await runHook(tools, { ...call, user: 'www-data' })) as Ran;
    expect(result).toMatchObject({ ok: true, output: 'one\ntwo\n' });
  });

  it('what a hook of a killed agent left is ended when the agent comes back; services are not', async () => {
    const started = [passingScope('web-configure'), serviceScope('web')].map((scope) => {
      const env = { PATH: process.env['PATH']!, HAULOUT_SCOPE: containment.cookie(scope) };
      const [program, ...rest] = containment.command(scope, ['sleep', '1000']);
      return spawn(program, rest, { env, stdio: 'ignore', detached: true }).pid!;
    });
    expect(await eventually(async () => (await containment.scopes()).length === 2)).toBe(true);
    await endPassingScopes(containment, GRACE_MS);
    expect(await eventually(() => !isAlive(started[0]!))).toBe(true);
    expect(isAlive(started[1]!)).toBe(true);
    await containment.end(serviceScope('web'), GRACE_MS);
  });

  describe('a line of the spec', () => {
    const line = (text: string, more: object = {}) => {
      const tools: HookTools = { containment, instanceId: 'i-1', role: 'planet', logs: scratch(), graceMs: GRACE_MS };
      return runCommand(tools, {
        kind: 'job',
        id: 'refresh',
        line: text,
        user: 'www-data',
        timeoutMs: 10_000,
        ...more,
      });
    };

    it('runs as its user, in its home, with the same list of variables', async () => {
      const result = await line('id -un; pwd; tr "\\0" "\\n" < /proc/$$/environ | cut -d = -f 1 | sort | tr "\\n" " "');
      const home = /^www-data:.*:([^:]*):[^:]*$/m.exec(readFileSync('/etc/passwd', 'utf8'))?.[1];
      expect(result.output.split('\n')).toEqual([
        'www-data',
        statSync(home!, { throwIfNoEntry: false })?.isDirectory() ? home : '/',
        'HAULOUT_INSTANCE_ID HAULOUT_JOB HAULOUT_ROLE HAULOUT_SCOPE HOME LANG LOGNAME PATH USER ',
      ]);
    });

    it('is ended with all it left, at its end and at its time limit', async () => {
      const left = await line('setsid sleep 1000 & echo pid $!');
      expect(await eventually(() => !isAlive(pidIn(left)))).toBe(true);
      const late = await line('sleep 1000', { timeoutMs: 200 });
      expect(late).toMatchObject({ ok: false, timedOut: true });
    });

    it('fails as a validate of a service', async () => {
      const result = await line('echo "$HAULOUT_SERVICE"; exit 1', { kind: 'service', id: 'web', user: 'root' });
      expect(result).toMatchObject({ ok: false, code: 1, output: 'web\n' });
    });
  });
}

describe('names', () => {
  it('a scope is never a path', async () => {
    const containment = await containmentOf('scan', 'haulout-names');
    expect(() => containment.cookie('../x')).toThrow(TypeError);
    expect(() => containment.cookie('-x')).toThrow(TypeError);
  });
});
