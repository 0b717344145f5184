import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { serviceScope } from '../../src/services/contain.ts';
import { activate, check, drain, type Outcome, stop } from '../../src/services/lifecycle.ts';
import { probe } from '../../src/services/probe.ts';
import type { UnitManager } from '../../src/services/units.ts';
import type { Check, ServiceSpec } from '../../src/spec/spec.ts';
import { containmentOf } from '../support/containments.ts';
import { describeWith, root } from '../support/needs.ts';
import { isAlive, put, scratch } from '../support/scratch.ts';

const CANARY = 'canary-0815-password';

async function serving(handler: (count: number) => number): Promise<{ url: string; port: number }> {
  let count = 0;
  const server: Server = createServer((_, response) => {
    const status = handler(count++);
    if (status === 0) return;
    response
      .writeHead(status, status >= 300 && status < 400 ? { location: 'http://192.0.2.1/' } : {})
      .end('x'.repeat(100_000));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, port };
}

describe('one look', () => {
  it.each([200, 204, 301, 302, 399])('%i is good', async (status) => {
    const { url } = await serving(() => status);
    expect(await probe({ kind: 'url', url })).toEqual({ ok: true });
  });

  it.each([400, 404, 500, 503])('%i is bad', async (status) => {
    const { url } = await serving(() => status);
    expect(await probe({ kind: 'url', url })).toMatchObject({ ok: false, reason: `the check URL answered ${status}` });
  });

  it('takes 5 s at most', async () => {
    const { url } = await serving(() => 0);
    const started = performance.now();
    expect(await probe({ kind: 'url', url })).toMatchObject({
      ok: false,
      reason: expect.stringContaining('within 5 s'),
    });
    expect(performance.now() - started).toBeLessThan(6_000);
  });

  it('at a port: accepted or refused', async () => {
    const server = createTcpServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await probe({ kind: 'tcp', port })).toEqual({ ok: true });
    await new Promise((resolve) => server.close(resolve));
    expect(await probe({ kind: 'tcp', port })).toMatchObject({
      ok: false,
      reason: expect.stringContaining('ECONNREFUSED'),
    });
    const url = `http://127.0.0.1:${port}/?password=${CANARY}`;
    expect(JSON.stringify(await probe({ kind: 'url', url }))).not.toContain(CANARY);
  });
});

function spec(more: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    id: 'web',
    source: { kind: 'image', path: 'services/web' },
    user: 'daemon',
    port: undefined,
    check: undefined,
    healthMs: 0,
    timeoutMs: 10_000,
    watch: [],
    validate: undefined,
    then: 'restart',
    state: 'running',
    custom: { password: CANARY },
    at: { file: 'haulout.ini', line: 1, column: 1 },
    ...more,
  };
}

interface Call {
  readonly verb: string;
  readonly unit: string;
}

function fakeUnits(active: boolean, failing?: string): UnitManager & { readonly calls: Call[] } {
  const calls: Call[] = [];
  const act = (verb: string) => async (unit: string) => {
    calls.push({ verb, unit });
    return { ok: verb !== failing, code: verb === failing ? 7 : 0, timedOut: false, output: `${verb} ${CANARY}` };
  };
  const verbs = {
    start: act('start'),
    stop: act('stop'),
    reload: act('reload'),
    restart: act('restart'),
    enable: act('enable'),
  };
  return { calls, isActive: async () => active, ...verbs };
}

async function setting(hooks: Readonly<Record<string, string>>, units: UnitManager = fakeUnits(true)) {
  const directory = join(scratch(), 'web');
  put(join(directory, 'bin/.keep'), '');
  const out = scratch();
  spawnSync('chmod', ['1777', out]);
  for (const [name, body] of Object.entries(hooks)) {
    put(join(directory, 'bin', name), `#!/bin/sh\necho "${name} $*" >> ${out}/calls\n${body}\n`, 0o755);
  }
  const containment = await containmentOf('scan', `haulout-life-${process.pid}`);
  onTestFinished(() => containment.end(serviceScope('web'), 400));
  const room = { directory: join(scratch('/dev/shm'), 'cfg') };
  const logs = scratch();
  const tools = {
    hooks: { containment, instanceId: 'i-1', role: 'planet', logs, graceMs: 400 },
    units,
    cfg: room,
    clock: systemClock,
  };
  const cfg = {
    service: { serviceId: 'web', role: 'planet', instanceId: 'i-1', user: 'daemon', directory },
    changed: [],
    custom: { password: CANARY },
  };
  const calls = () =>
    (existsSync(join(out, 'calls')) ? readFileSync(join(out, 'calls'), 'utf8') : '').trim().split('\n');
  return { tools, directory, cfg, calls, room, logs, out, containment };
}

type Failed = Extract<Outcome, { ok: false }>;

describeWith([root], 'the life of an image', () => {
  it('configure, start, check; both with the cfg, which is gone afterwards', async () => {
    const read = 'grep -q "^password=canary-0815-pass[w]ord$" "$2" && cmp -s "$2" cfg/service.cfg && echo seen "$2"';
    const set = await setting({
      configure: read,
      start: `${read}; sleep 1000 & echo $! > ${'$HOME'}/../pid`,
      check: 'exit 0',
    });
    spawnSync('chmod', ['1777', join(set.directory, '..')]);
    const outcome = await activate(set.tools, { service: spec(), directory: set.directory, cfg: set.cfg });
    expect(outcome).toMatchObject({ ok: true });
    expect(outcome.steps.map(({ step, ok, ran }) => [step, ok, ran])).toEqual([
      ['configure', true, true],
      ['start', true, true],
      ['check', true, true],
    ]);
    const [configure, start, checked] = set.calls();
    expect(configure).toMatch(/^configure web \/dev\/shm\/.*\/service\.cfg$/);
    expect(start).toMatch(/^start web \/dev\/shm\/.*\/service\.cfg$/);
    expect(checked).toBe('check web');
    expect(readFileSync(join(set.logs, 'web.log'), 'utf8')).toMatch(/^seen /);
    expect(readdirSync(set.room.directory)).toEqual([]);
    expect(spawnSync('grep', ['-ra', CANARY, set.directory, set.logs, set.out, set.room.directory]).status).toBe(1);

    const pid = Number(readFileSync(join(set.directory, '../pid'), 'utf8'));
    expect(isAlive(pid)).toBe(true);
    expect(await check(set.tools, { service: spec(), directory: set.directory })).toEqual({ ok: true });
    expect(await stop(set.tools, { service: spec(), directory: set.directory })).toMatchObject({ ok: true });
    expect(isAlive(pid)).toBe(false);
  });

  it('begins at start when only its check failed', async () => {
    const set = await setting({ configure: 'exit 1', start: 'exit 0' });
    const outcome = await activate(set.tools, {
      service: spec(),
      directory: set.directory,
      cfg: set.cfg,
      begin: 'start',
    });
    expect(outcome).toMatchObject({ ok: true });
    expect(set.calls().map((line) => line.split(' ')[0])).toEqual(['start']);
    expect(await check(set.tools, { service: spec(), directory: set.directory })).toBe('nothing-to-check');
  });

  it.each([
    ['configure', { configure: `echo ${CANARY}; exit 4`, start: '' }, 'hook-failed', 'bin/configure ended with code 4'],
    ['start', { start: `echo ${CANARY}; kill -KILL $$` }, 'hook-failed', 'bin/start ended with signal SIGKILL'],
    ['start', { configure: '' }, 'hook-missing', 'its image has no bin/start'],
    ['check', { start: '', check: `echo ${CANARY}; exit 9` }, 'check-failed', 'bin/check ended with code 9'],
    ['start', { start: `echo ${CANARY}; sleep 100` }, 'hook-timeout', 'bin/start did not end within its time limit'],
  ])('when %s fails, bin/failed hears which and why', async (step, hooks, code, reason) => {
    const set = await setting({ ...(hooks as Record<string, string>), failed: 'exit 1' });
    const service = spec({ timeoutMs: 1_500 });
    const outcome = (await activate(set.tools, { service, directory: set.directory, cfg: set.cfg })) as Failed;
    expect(outcome).toMatchObject({ ok: false, failed: step });
    expect(outcome.trouble).toMatchObject({ code, reason, step: 'service', subject: 'service:web' });
    expect(set.calls().at(-1)).toBe(`failed web ${step} ${code}`);
    if (code !== 'hook-missing') expect(outcome.output).toContain(CANARY);
    expect(JSON.stringify(outcome.trouble) + outcome.trouble.message).not.toContain(CANARY);
    if (step === 'configure') expect(set.calls().join()).not.toContain('start web');
    expect(await set.containment.members(serviceScope('web'))).toEqual([]);
  });

  it('a hook that cannot be run, and a user who is not there, are failures of their step', async () => {
    const set = await setting({ configure: '' });
    put(join(set.directory, 'bin/start'), 'no first line', 0o755);
    const call = { service: spec(), directory: set.directory, cfg: set.cfg };
    expect(await activate(set.tools, call)).toMatchObject({ failed: 'start', trouble: { code: 'hook-not-runnable' } });
    const nobody = { ...call, service: spec({ user: 'no-such-user' }) };
    expect(await activate(set.tools, nobody)).toMatchObject({ failed: 'configure', trouble: { code: 'user-unknown' } });
  });

  it('health must hold: one bad look begins the time anew', async () => {
    const { url } = await serving((count) => (count === 0 || count === 2 ? 503 : 200));
    const set = await setting({ start: '' });
    const service = spec({ check: { kind: 'url', url }, healthMs: 1_500 });
    const started = performance.now();
    expect(await activate(set.tools, { service, directory: set.directory, cfg: set.cfg })).toMatchObject({ ok: true });
    expect(performance.now() - started).toBeGreaterThan(4_400);
  });

  it('health that never comes ends at the deadline, with the last reason', async () => {
    const { url } = await serving(() => 502);
    const set = await setting({ start: '', failed: '' });
    const failing: Check = { kind: 'url', url };
    const service = spec({ check: failing, healthMs: 500, timeoutMs: 2_000 });
    const outcome = (await activate(set.tools, { service, directory: set.directory, cfg: set.cfg })) as Failed;
    expect(outcome.trouble).toMatchObject({ code: 'check-failed', reason: 'the check URL answered 502' });
    expect(outcome.steps.at(-1)).toMatchObject({ step: 'check', ok: false });
    expect(outcome.steps.at(-1)!.durationMs).toBeLessThan(5_000);
  });

  it('waiting for health ends when the agent is told to end', async () => {
    const set = await setting({ start: '', check: 'exit 1' });
    const call = { service: spec({ healthMs: 60_000, timeoutMs: 120_000 }), directory: set.directory, cfg: set.cfg };
    await expect(activate(set.tools, { ...call, signal: AbortSignal.timeout(1_500) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it('drain: with the notice in its cfg, and what it fails of is told; a unit and an image without it have none', async () => {
    const notice = { kind: 'spot', seconds: 100, deadline: '2026-11-20T12:02:00.000Z' };
    const set = await setting({ drain: 'sed -n "/^.notice/,/^.changed/p" "$2" >&2; exit 3', failed: '' });
    const cfg = { ...set.cfg, notice };
    const outcome = (await drain(set.tools, { service: spec(), directory: set.directory, cfg })) as Failed;
    expect(outcome).toMatchObject({ ok: false, failed: 'drain', trouble: { code: 'hook-failed' } });
    expect(outcome.output).toBe('[notice]\nkind=spot\nseconds=100\ndeadline=2026-11-20T12:02:00.000Z\n[changed]\n');
    expect(set.calls()[1]).toBe('failed web drain hook-failed');
    const unit = spec({ source: { kind: 'unit', unit: 'nginx' } });
    for (const [service, directory] of [
      [unit, set.directory],
      [spec(), scratch()],
      [spec({ user: 'nobody-of-this-name' }), scratch()],
    ] as const)
      expect(await drain(set.tools, { service, directory, cfg })).toEqual({ ok: true, steps: [] });
    expect([set.calls().length, readdirSync(set.room.directory)]).toEqual([2, []]);
  });

  it('stop: the hook first, the scope in any case', async () => {
    const set = await setting({ start: 'sleep 1000 &', stop: 'exit 5' });
    await activate(set.tools, { service: spec(), directory: set.directory, cfg: set.cfg });
    const left = await set.containment.members(serviceScope('web'));
    expect(left.length).toBeGreaterThan(0);
    const outcome = await stop(set.tools, { service: spec(), directory: set.directory });
    expect(outcome).toMatchObject({
      ok: true,
      steps: [{ step: 'stop', ok: false }],
      unheeded: { failed: 'stop', trouble: { code: 'hook-failed' } },
    });
    expect(await set.containment.members(serviceScope('web'))).toEqual([]);
    expect(await stop(set.tools, { service: spec(), directory: '/nonexistent' })).toMatchObject({ ok: true });
  });
});

describe('the life of a unit', () => {
  const unit = (more: Partial<ServiceSpec> = {}) => spec({ source: { kind: 'unit', unit: 'nginx' }, ...more });
  const run = async (units: ReturnType<typeof fakeUnits>, service: ServiceSpec, begin?: 'start') => {
    const set = await setting({}, units);
    const call = { service, directory: '', cfg: set.cfg, ...(begin === undefined ? {} : { begin }) };
    return activate(set.tools, call);
  };

  it.each([
    [true, 'reload', undefined, ['enable', 'reload']],
    [true, 'restart', undefined, ['enable', 'restart']],
    [true, 'reload', 'start', ['enable', 'restart']],
    [false, 'reload', undefined, ['enable', 'start']],
  ] as const)('active: %s, then: %s, begin: %s', async (active, then, begin, verbs) => {
    const units = fakeUnits(active);
    await run(units, unit({ then, timeoutMs: 1_000 }), begin);
    expect(units.calls.map(({ verb }) => verb)).toEqual(verbs);
    expect(units.calls.every(({ unit }) => unit === 'nginx')).toBe(true);
  });

  it('fails by its code, its output apart', async () => {
    const outcome = (await run(fakeUnits(true, 'restart'), unit())) as Failed;
    expect(outcome).toMatchObject({
      failed: 'restart',
      trouble: { code: 'unit-failed', reason: 'restart of its unit ended with code 7' },
    });
    expect(outcome.output).toContain(CANARY);
    expect(outcome.trouble.message).not.toContain(CANARY);
  });

  it('is unhealthy when it is not active, and stops by its manager', async () => {
    const outcome = (await run(fakeUnits(false), unit({ timeoutMs: 500 }))) as Failed;
    expect(outcome.trouble).toMatchObject({ code: 'check-failed', reason: 'its unit is not active' });
    const units = fakeUnits(true);
    const set = await setting({}, units);
    expect(await stop(set.tools, { service: unit(), directory: '' })).toMatchObject({ ok: true });
    expect(units.calls).toEqual([{ verb: 'stop', unit: 'nginx' }]);
    expect(await check(set.tools, { service: unit(), directory: '' })).toEqual({ ok: true });
  });
});
