import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { command, describeWith } from '../support/needs.ts';
import { eventually } from '../support/scratch.ts';

const library = fileURLToPath(new URL('../../buckets/monitor/services/monitor/lib', import.meta.url));
const WELL = 'load1 0.25\nrequests_total 7\n';

interface Seen {
  readonly id: string;
  readonly state: string;
  readonly trouble: string | null;
  readonly drawn: boolean;
}

/** The monitor of buckets/monitor as it is, on loopback: its hosts are servers of this test. */
describeWith([command('python3', 'python3'), command('rrdtool', 'rrdtool')], 'the monitor', () => {
  let home: string;
  let port: number;
  let monitor: ChildProcess;
  let talk = '';
  let hosts: Server;
  let hostPort: number;
  /** What the hosts answer. */
  let answer: (response: ServerResponse) => void = (response) => response.end(WELL);

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'haulout-monitor-'));
    hosts = createServer((_, response) => answer(response));
    hosts.listen(0, '127.0.0.1');
    await once(hosts, 'listening');
    hostPort = (hosts.address() as AddressInfo).port;
    port = await freePort();
    await start();
  });
  afterEach(() => {
    answer = (response) => response.end(WELL);
  });
  afterAll(async () => {
    await end();
    hosts.closeAllConnections();
    hosts.close();
    rmSync(home, { recursive: true });
  });

  async function start(): Promise<void> {
    const words = ['-B', 'monitor.py', '--home', home, '--port', String(port), '--title', 'Watch <b>'];
    monitor = spawn('/usr/bin/python3', words, { cwd: library, stdio: ['ignore', 'ignore', 'pipe'] });
    monitor.stderr?.setEncoding('utf8').on('data', (text: string) => (talk += text));
    expect(await eventually(async () => (await ask('/health'))?.status === 200, 10_000), talk).toBe(true);
  }
  async function end(): Promise<void> {
    if (monitor.exitCode !== null) return;
    monitor.kill('SIGKILL');
    await once(monitor, 'exit');
  }
  const ask = async (path: string, method = 'GET') =>
    await fetch(`http://127.0.0.1:${port}${path}`, { method, signal: AbortSignal.timeout(20_000) }).catch(
      () => undefined,
    );
  const say = async (method: string, path: string) => {
    const told = await ask(path, method);
    return `${told?.status} ${(await told?.text())?.trim()}`;
  };
  const seen = async (id: string) =>
    ((await (await ask('/hosts.json'))!.json()) as Seen[]).find((each) => each.id === id);
  const announce = (id: string) => say('PUT', `/hosts/web/${id}/127.0.0.1:${hostPort}`);

  test('asks who announces itself at once, and draws it', async () => {
    const id = 'i-0000000000000001';
    expect(await announce(id)).toBe(`200 ${id} (web) is there, at 127.0.0.1:${hostPort}`);
    expect(await eventually(async () => (await seen(id))?.drawn === true, 10_000)).toBe(true);
    expect(await seen(id)).toMatchObject({ state: 'up', trouble: null });
    for (const kind of ['load', 'requests', 'answer']) {
      const png = await ask(`/drawings/${id}/${kind}.png?span=day&skin=night`);
      expect(
        Buffer.from(await png!.arrayBuffer())
          .subarray(1, 4)
          .toString(),
      ).toBe('PNG');
    }
  }, 30_000);

  test.each([
    [
      'an address that is not its own',
      'PUT',
      '/hosts/web/i-0000000000000002/10.0.0.9:80',
      /^403 a host announces itself: you are 127/,
    ],
    ['an address that is none', 'PUT', '/hosts/web/i-0000000000000002/localhost:80', /^404 /],
    ['a port that is none', 'PUT', '/hosts/web/i-0000000000000002/127.0.0.1:70000', /^404 /],
    ['markup', 'PUT', '/hosts/%3Cb%3E/i-0000000000000002/127.0.0.1:80', /^404 /],
    ['a way out', 'PUT', '/hosts/web/..%2f..%2fetc/127.0.0.1:80', /^404 /],
    ['a drawing of nobody', 'GET', '/drawings/i-00000000000000ff/load.png', /^404 /],
    ['a drawing of nothing', 'GET', '/drawings/i-0000000000000001/%2e%2e/hosts.json', /^404 /],
    ['a stranger who leaves', 'DELETE', '/hosts/web/i-00000000000000ff', /^200 /],
  ])('refuses %s', async (_, method, path, words) => {
    const before = (await (await ask('/hosts.json'))!.json()) as Seen[];
    expect(await say(method, path)).toMatch(words);
    expect(((await (await ask('/hosts.json'))!.json()) as Seen[]).map(({ id }) => id)).toEqual(
      before.map(({ id }) => id),
    );
  });

  test.each<[string, (response: ServerResponse) => void, string]>([
    ['drips', (response) => drip(response), 'its answer did not end within 3 s'],
    ['never ends', (response) => flood(response), 'its answer is larger than 65536 bytes'],
    ['is in trouble', (response) => response.writeHead(500).end(WELL), 'it does not answer with 200'],
    ['has other numbers', (response) => response.end('load1 0.1\n'), 'its answer has no load1 and requests_total'],
    [
      'has numbers that are none',
      (response) => response.end('load1 nan\nrequests_total 1e999\n'),
      'its answer has no load1 and requests_total',
    ],
  ])(
    'shows a host that %s as silent, and goes on with the others',
    async (name, misbehave, trouble) => {
      answer = misbehave;
      const id = `i-${Buffer.from(name).toString('hex').slice(0, 8)}`;
      await announce(id);
      expect(
        await eventually(async () => (await seen(id))?.trouble === trouble, 15_000),
        JSON.stringify(await seen(id)),
      ).toBe(true);
      expect(await seen(id)).toMatchObject({ state: 'silent', drawn: false });
      expect(await (await ask('/'))!.text()).toContain(`no answer: ${trouble}`);
      expect((await ask('/health'))?.status).toBe(200);
      expect(await say('DELETE', `/hosts/web/${id}`)).toMatch(/^200 /);
      expect(await seen(id)).toMatchObject({ state: 'left', trouble: null });
    },
    30_000,
  );

  test('shows its title as text', async () => {
    const html = await (await ask('/'))!.text();
    expect(html).toContain('<h1>Watch &lt;b&gt;</h1>');
    expect(html).not.toContain('<script');
  });

  test('killed and started again knows who was there', async () => {
    await end();
    await start();
    expect(await seen('i-0000000000000001')).toMatchObject({ drawn: true });
  }, 30_000);

  test('forgets who left a day ago, and keeps a list that it cannot read out of its way', async () => {
    await end();
    const file = join(home, 'hosts.json');
    const [host] = JSON.parse(readFileSync(file, 'utf8')) as object[];
    const old = 'i-00000000000000aa';
    writeFileSync(file, JSON.stringify([host, { ...host, id: old, left: Date.now() / 1000 - 90_000 }]));
    mkdirSync(join(home, 'drawings'), { recursive: true });
    writeFileSync(join(home, `drawings/${old}.rrd`), 'x');
    await start();
    expect(await eventually(async () => (await seen(old)) === undefined, 15_000)).toBe(true);
    expect(existsSync(join(home, `drawings/${old}.rrd`))).toBe(false);
    expect(await seen('i-0000000000000001')).toBeDefined();

    await end();
    writeFileSync(file, '[{"id": "i-1"');
    await start();
    expect(await seen('i-0000000000000001')).toBeUndefined();
    expect(readFileSync(`${file}.bad`, 'utf8')).toBe('[{"id": "i-1"');
    await announce('i-0000000000000001');
    expect(await seen('i-0000000000000001')).toMatchObject({ drawn: true });
  }, 60_000);
});

function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write('load1 0.1\n'), 500);
  response.once('close', () => clearInterval(timer));
}

function flood(response: ServerResponse): void {
  const more = () => {
    while (!response.destroyed && response.write('load1 0.1\n'.repeat(1_000)));
  };
  response.on('drain', more);
  more();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
