import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchAgent, openStore } from '../../src/userdata/launcher/bucket.ts';
import { instanceId, metadataAddress, metadataAt, roleCredentials } from '../../src/userdata/launcher/metadata.ts';
import { type OwnSettings, ownSettings } from '../../src/userdata/launcher/own.ts';
import { runInstall } from '../../src/userdata/launcher/run.ts';
import { ask } from '../../src/userdata/launcher/wire.ts';
import type { World } from '../../src/userdata/launcher/world.ts';
import { agentText, type Launch, prepareLaunch } from '../support/launch.ts';
import { end, s3Error } from '../support/launch-wire.ts';
import { command, describeWith } from '../support/needs.ts';

/** A world whose time passes only while it sleeps: 300 seconds of waiting take none. */
interface TestWorld extends World {
  slept: number;
  /** How many times longer than asked it sleeps. */
  hurry: number;
  readonly lines: string[];
}

function quickWorld(): TestWorld {
  const world: TestWorld = {
    slept: 0,
    hurry: 1,
    lines: [],
    now: Date.now,
    elapsed: () => world.slept,
    sleep: async (milliseconds) => {
      world.slept += milliseconds * world.hurry;
    },
    random: () => 0.999,
    say: (line) => world.lines.push(line),
    waited: [],
  };
  return world;
}

let launch: Launch;
let world: TestWorld;
beforeEach(async () => {
  launch = await prepareLaunch();
  world = quickWorld();
});
afterEach(() => launch.remove());

async function own(): Promise<OwnSettings> {
  const settings = ownSettings(readFileSync(await launch.script(), 'utf8'));
  if (Array.isArray(settings)) throw new Error(settings.join());
  return settings;
}

async function fetched(region = 'eu-west-3'): Promise<Buffer> {
  const read = metadataAt(new URL(launch.wire.metadata), world);
  const settings = await own();
  return fetchAgent(
    settings,
    openStore(settings, region, () => roleCredentials(read), world),
    world,
  );
}

const onBucket = (answer: (times: number, response: Parameters<Launch['wire']['before']>[1]) => boolean) => {
  let times = 0;
  launch.wire.before = (_request, response, url) => url.pathname.startsWith('/s3/') && answer(++times, response);
};

test('metadata that nobody answers for is given up after 300 s, with one line of waiting', async () => {
  const read = metadataAt(new URL('http://127.0.0.1:1'), world);
  await expect(instanceId(read)).rejects.toMatchObject({
    exit: 69,
    message: /ECONNREFUSED 127.0.0.1:1, for 300 s\. Check/,
  });
  expect(world.slept).toBeGreaterThan(297_000);
  expect(world.slept).toBeLessThanOrEqual(300_000);
  expect(world.lines).toHaveLength(1);
});

test.each([
  ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/'],
  ['http://[::1]:80/', 'http://[::1]/'],
  ['http://10.0.0.1', 'http://169.254.169.254/'],
  ['http://127.0.0.1.example.org', 'http://169.254.169.254/'],
  ['http://127.0.0.1@example.org', 'http://169.254.169.254/'],
  ['http://127.0.0.1/path', 'http://169.254.169.254/'],
  [undefined, 'http://169.254.169.254/'],
])('metadata address %s is %s', (override, address) => {
  expect(metadataAddress(override).href).toBe(address);
});

test('a token that came cut is known to nobody: another is asked for, and never none', async () => {
  let times = 0;
  launch.wire.before = (request, response) => {
    const cut = request.method === 'PUT' && ++times === 1;
    if (cut) response.end('AQAE');
    return cut;
  };
  expect(await instanceId(metadataAt(new URL(launch.wire.metadata), world))).toMatch(/^i-/);
  expect(launch.wire.requests.map((line) => line.split(' ')[0])).toEqual(['PUT', 'GET', 'PUT', 'GET']);
});

test('a bucket that refuses is asked for 300 s, with new keys each time', async () => {
  onBucket((_times, response) => {
    s3Error(response, 403, 'AccessDenied');
    return true;
  });
  await expect(fetched()).rejects.toMatchObject({ exit: 69, message: /it answers 403 AccessDenied, for 300 s/ });
  expect(launch.wire.count(/security-credentials\/planet-role/)).toBe(launch.wire.count(/\/s3\//));
});

test.each([
  ['cut', () => agentText().subarray(0, -1)],
  ['longer', () => Buffer.concat([agentText(), Buffer.from('x')])],
])('an agent of other bytes (%s) is asked for again for half a minute, and never taken', async (_, altered) => {
  launch.wire.objects.set(`planet-bucket/.haulout/agent/${launch.settings.agent}`, altered());
  await expect(fetched()).rejects.toMatchObject({ exit: 69, message: /altered, not run/ });
  expect(world.slept).toBeGreaterThanOrEqual(30_000);
  expect(world.slept).toBeLessThan(45_000);
});

test('permissions that come late are waited for', async () => {
  onBucket((times, response) => {
    if (times < 6) s3Error(response, times % 2 ? 403 : 404, times % 2 ? 'AccessDenied' : 'NoSuchBucket');
    return times < 6;
  });
  expect(await fetched()).toEqual(agentText());
  expect(world.waited).toEqual([
    [expect.stringMatching(/^bucket: s3:/), 'it answers 403 AccessDenied', Math.round(world.slept)],
  ]);
});

test('a key that is missing is an answer after 10 s', async () => {
  launch.wire.objects.clear();
  await expect(fetched()).rejects.toMatchObject({
    exit: 69,
    message: /the agent is not in the bucket\. Run haulout userdata/,
  });
  expect(world.slept).toBeGreaterThan(9_999);
  expect(world.slept).toBeLessThan(25_000);
});

test('a key that comes after a moment is read', async () => {
  onBucket((times, response) => {
    if (times < 4) s3Error(response, 404, 'NoSuchKey');
    return times < 4;
  });
  expect(await fetched()).toEqual(agentText());
});

test('a body that is cut is asked for again', async () => {
  onBucket((times, response) => {
    if (times > 2) return false;
    response.setHeader('content-length', agentText().length);
    response.write(agentText().subarray(0, 40), () => response.destroy());
    return true;
  });
  expect(await fetched()).toEqual(agentText());
  expect(world.lines).toHaveLength(1);
});

test.each([-7_200_000, 86_400_000 * 365])('a clock that is %i ms off is corrected by the server’s', async (offset) => {
  launch.wire.offsetMs = offset;
  expect(await fetched()).toEqual(agentText());
  expect(launch.wire.count(/\/s3\//)).toBe(2);
});

test('another region is named, not waited for', async () => {
  onBucket((_times, response) => {
    response.setHeader('x-amz-bucket-region', 'ap-south-1');
    s3Error(response, 301, 'PermanentRedirect');
    return true;
  });
  await expect(fetched()).rejects.toMatchObject({
    exit: 69,
    message: /301 PermanentRedirect\. Write HAULOUT_REGION=ap-south-1/,
  });
  expect(launch.wire.count(/\/s3\//)).toBe(1);
});

test('500 and 503 are waited for', async () => {
  onBucket((times, response) => {
    if (times < 5) end(response, times % 2 ? 503 : 500, 'SlowDown');
    return times < 5;
  });
  expect(await fetched()).toEqual(agentText());
});

test('more than 32 MiB is not taken in', async () => {
  onBucket((_times, response) => {
    end(response, 200, Buffer.alloc(33 * 1024 * 1024));
    return true;
  });
  world.hurry = 30;
  await expect(fetched()).rejects.toMatchObject({ exit: 69, message: /larger than 33554432 bytes/ });
});

test.each([
  ['no answer within 0.2 s', { headersMs: 200, idleMs: 9_000, totalMs: 9_000 }, () => undefined],
  [
    'no more of the answer within 0.2 s',
    { headersMs: 9_000, idleMs: 200, totalMs: 9_000 },
    (r: ServerResponse) => r.write('a'),
  ],
  [
    'no more of the answer within 0.3 s',
    { headersMs: 9_000, idleMs: 300, totalMs: 9_000 },
    (r: ServerResponse) => {
      const drip = setInterval(() => r.write('a'), 120);
      r.once('close', () => clearInterval(drip));
    },
  ],
  [
    'no whole answer within 0.3 s',
    { headersMs: 9_000, idleMs: 9_000, totalMs: 300 },
    (r: ServerResponse) => r.write('a'),
  ],
])('every wait has a deadline: %s', async (words, limits, begin) => {
  launch.wire.before = (_request, response) => {
    begin(response);
    return true;
  };
  const { hostname, port } = new URL(launch.wire.metadata);
  const what = {
    hostname,
    port: Number(port),
    method: 'GET',
    path: '/',
    headers: {},
    limits: { ...limits, idleBytes: 4, bytes: 9 },
  };
  await expect(ask(what)).rejects.toThrow(words);
});

test('an install that does not end is ended', async () => {
  const path = `${launch.directory}/stuck.mjs`;
  writeFileSync(path, 'await new Promise(() => {});');
  const { argv, env } = process;
  try {
    await expect(runInstall(path, [], {}, 300)).rejects.toMatchObject({ exit: 1, message: /did not end within 0.3 s/ });
  } finally {
    Object.assign(process, { argv, env });
  }
});

describeWith([command('openssl', 'openssl')], 'an https endpoint', () => {
  test('whose certificate nobody vouches for is named at once, not waited for', async () => {
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(launch.directory, name));
    const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1';
    spawnSync('openssl', [...request.split(' '), '-keyout', key!, '-out', cert!]);
    const server = createServer({ key: readFileSync(key!), cert: readFileSync(cert!) });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    launch.settings = { ...launch.settings, endpoint: `https://127.0.0.1:${port}` };
    await expect(fetched()).rejects.toMatchObject({
      exit: 69,
      message: /SELF_SIGNED_CERT\. Give the endpoint a certificate/,
    });
    expect(world.slept).toBe(0);
    server.close();
  });
});
