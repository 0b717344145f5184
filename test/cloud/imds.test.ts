import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { scriptOf } from '../../src/cloud/machine/user-data.ts';
import type { InstanceDescription } from '../../src/cloud/metadata/description.ts';
import type { Dialect } from '../../src/cloud/metadata/dialects.ts';
import { type MetadataOptions, type MetadataRequest, metadataHandler } from '../../src/cloud/metadata/handler.ts';
import { described } from '../support/described.ts';

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(describe: () => InstanceDescription, options?: MetadataOptions): Promise<string> {
  const server = http.createServer(metadataHandler(describe, options));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function askToken(base: string, headers: Record<string, string> = {}, path = '/latest/api/token'): Promise<Response> {
  return fetch(base + path, {
    method: 'PUT',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60', ...headers },
  });
}

async function reader(base: string): Promise<(path: string) => Promise<string>> {
  const token = await (await askToken(base)).text();
  return async (path) => {
    const answer = await fetch(base + path, { headers: { 'x-aws-ec2-metadata-token': token } });
    return answer.status === 200 ? await answer.text() : String(answer.status);
  };
}

const credentials = () => ({
  accessKeyId: 'ASIALOCAL',
  secretAccessKey: 'secret',
  sessionToken: 'session',
  expiresAt: new Date('2030-01-01T00:00:00.500Z'),
});

describe('the token protocol', () => {
  test('a token is given for a TTL of 1 to 21600 seconds', async () => {
    const base = await serve(() => described());
    const answer = await askToken(base);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-aws-ec2-metadata-token-ttl-seconds')).toBe('60');
    expect((await answer.text()).length).toBeGreaterThan(40);
  });

  test.each(['0', '21601', '-1', '1.5', 'x', ''])('TTL %j is a bad request', async (ttl) => {
    const base = await serve(() => described());
    expect((await askToken(base, { 'x-aws-ec2-metadata-token-ttl-seconds': ttl })).status).toBe(400);
  });

  test('a missing TTL is a bad request', async () => {
    const base = await serve(() => described());
    expect((await fetch(`${base}/latest/api/token`, { method: 'PUT' })).status).toBe(400);
  });

  test('a forwarded request, and a path with a version, get no token; GET is not the method', async () => {
    const base = await serve(() => described());
    expect((await askToken(base, { 'x-forwarded-for': '10.0.0.1' })).status).toBe(403);
    expect((await askToken(base, {}, '/2021-07-15/api/token')).status).toBe(403);
    expect((await fetch(`${base}/latest/api/token`)).status).toBe(405);
  });

  test('without a token, or with a wrong one, nothing is told when tokens are required', async () => {
    const base = await serve(() => described());
    const url = `${base}/latest/meta-data/instance-id`;
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(url, { headers: { 'x-aws-ec2-metadata-token': 'x' } })).status).toBe(401);
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  });

  test('without a token it is told when tokens are optional, but not with a wrong one', async () => {
    const base = await serve(() => described(undefined, { httpTokens: 'optional' }));
    const url = `${base}/latest/meta-data/instance-id`;
    expect(await (await fetch(url)).text()).toBe('i-0abcdef0000000010');
    expect((await fetch(url, { headers: { 'x-aws-ec2-metadata-token': 'x' } })).status).toBe(401);
  });

  test('a token ends with its TTL', async () => {
    const base = await serve(() => described());
    const token = await (await askToken(base, { 'x-aws-ec2-metadata-token-ttl-seconds': '1' })).text();
    const ask = () => fetch(`${base}/latest/meta-data/mac`, { headers: { 'x-aws-ec2-metadata-token': token } });
    expect((await ask()).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    expect((await ask()).status).toBe(401);
  });
});

describe('the categories', () => {
  test('facts of the instance', async () => {
    const about = described();
    const read = await reader(await serve(() => about));
    expect(await read('/latest/meta-data/instance-id')).toBe(about.instanceId);
    expect(await read('/2021-07-15/meta-data/instance-type')).toBe('t3.micro');
    expect(await read('/latest/meta-data/ami-id')).toBe('ami-0123456789abcdef0');
    expect(await read('/latest/meta-data/ami-launch-index')).toBe('0');
    expect(await read('/latest/meta-data/local-ipv4')).toBe('10.77.0.10');
    expect(await read('/latest/meta-data/local-hostname')).toBe(about.hostname);
    expect(await read('/latest/meta-data/placement/region')).toBe('eu-central-1');
    expect(await read('/latest/meta-data/placement/availability-zone')).toBe('eu-central-1b');
    expect(await read(`/latest/meta-data/network/interfaces/macs/${about.mac}/local-ipv4s`)).toBe('10.77.0.10');
    expect(await read('/latest/meta-data/services/domain')).toBe('amazonaws.com');
    expect(await read('/latest/meta-data/security-groups')).toBe('default');
    const document = JSON.parse(await read('/latest/dynamic/instance-identity/document'));
    expect(document).toMatchObject({ region: 'eu-central-1', instanceId: about.instanceId, accountId: '123456789012' });
  });

  test('what the instance has not is 404', async () => {
    const read = await reader(await serve(() => described()));
    for (const path of [
      '/latest/meta-data/public-ipv4',
      '/latest/meta-data/iam/info',
      '/latest/meta-data/public-keys/',
      '/latest/meta-data/tags/instance/Name',
      '/latest/meta-data/spot/instance-action',
      '/latest/user-data',
      '/latest/meta-data/constructor',
      '/1999-01-01/meta-data/',
    ]) {
      expect(await read(path), path).toBe('404');
    }
  });

  test('facts may change while the instance runs', async () => {
    let about = described();
    const read = await reader(await serve(() => about));
    expect(await read('/latest/meta-data/public-ipv4')).toBe('404');
    about = described(undefined, { publicIpv4: '203.0.113.7', extra: { 'spot/instance-action': '{"action":"stop"}' } });
    expect(await read('/latest/meta-data/public-ipv4')).toBe('203.0.113.7');
    expect(await read('/latest/meta-data/spot/instance-action')).toBe('{"action":"stop"}');
  });

  test('directories are listed, with a slash after each that is one; keys have their own way', async () => {
    const about = described(undefined, {
      metadataTags: true,
      publicKeys: [{ name: 'mine', material: 'ssh-ed25519 AAAA mine' }],
      userData: Buffer.from('#!/bin/sh\n'),
    });
    const read = await reader(await serve(() => about));
    expect((await read('/')).split('\n')).toContain('latest');
    expect(await read('/latest')).toBe('dynamic/\nmeta-data/\nuser-data');
    expect((await read('/latest/meta-data/')).split('\n')).toEqual(
      expect.arrayContaining(['placement/', 'public-keys/', 'mac']),
    );
    expect(await read('/latest/meta-data/tags/instance')).toBe('Name\nrole');
    expect(await read('/latest/meta-data/tags/instance/Name')).toBe('planet');
    expect(await read('/latest/meta-data/public-keys/')).toBe('0=mine');
    expect(await read('/latest/meta-data/public-keys/0/openssh-key')).toBe('ssh-ed25519 AAAA mine');
  });

  test('user-data comes byte by byte', async () => {
    const userData = gzipSync('#!/bin/sh\n');
    const base = await serve(() => described(undefined, { userData, httpTokens: 'optional' }));
    const answer = await fetch(`${base}/latest/user-data`);
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(Buffer.from(await answer.arrayBuffer()).equals(userData)).toBe(true);
  });

  test('role credentials with their expiry, times without fractions', async () => {
    const read = await reader(await serve(() => described(undefined, { roleName: 'web', credentials })));
    expect(await read('/latest/meta-data/iam/security-credentials/')).toBe('web');
    expect(JSON.parse(await read('/latest/meta-data/iam/security-credentials/web'))).toMatchObject({
      Code: 'Success',
      AccessKeyId: 'ASIALOCAL',
      SecretAccessKey: 'secret',
      Token: 'session',
      Expiration: '2030-01-01T00:00:00Z',
    });
    expect(JSON.parse(await read('/latest/meta-data/iam/info')).InstanceProfileArn).toContain('/web');
  });

  test("the AWS SDK's own provider takes its credentials from here", async () => {
    const { fromInstanceMetadata } = await sdkProvider();
    const base = await serve(() => described(undefined, { roleName: 'web', credentials }));
    await withEndpoint(base, async () => {
      expect(await fromInstanceMetadata({ timeout: 2_000, maxRetries: 0 })()).toMatchObject({
        accessKeyId: 'ASIALOCAL',
        secretAccessKey: 'secret',
        sessionToken: 'session',
      });
    });
  });
});

/** It comes with the SDK's S3 client, as a part of a part of it. */
async function sdkProvider(): Promise<SdkProvider> {
  const name: string = '@smithy/credential-provider-imds';
  return (await import(name)) as SdkProvider;
}

interface SdkProvider {
  readonly fromInstanceMetadata: (options: { timeout: number; maxRetries: number }) => () => Promise<unknown>;
}

async function withEndpoint(base: string, action: () => Promise<void>): Promise<void> {
  process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] = base;
  try {
    await action();
  } finally {
    delete process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'];
  }
}

describe('dialects', () => {
  const get = async (base: string, path: string, init: RequestInit = {}) => {
    const answer = await fetch(base + path, init);
    return answer.status === 200 ? await answer.text() : answer.status;
  };
  const speaking = (dialect: Dialect, facts: Partial<InstanceDescription> = {}) =>
    serve(() => described(undefined, facts), { dialect });

  test.each(['eucalyptus-3', 'eucalyptus-4', 'openstack'] as const)(
    '%s has no tokens, whatever the method',
    async (dialect) => {
      const base = await speaking(dialect);
      expect((await askToken(base)).status).toBe(404);
      for (const method of ['GET', 'POST', 'DELETE']) {
        expect((await fetch(`${base}/latest/api/token`, { method })).status).toBe(404);
      }
      const id = await get(base, '/latest/meta-data/instance-id', { headers: { 'x-aws-ec2-metadata-token': 'any' } });
      expect(id).toMatch(/^i-/);
    },
  );

  test('eucalyptus-5 gives tokens and looks at none', async () => {
    const base = await speaking('eucalyptus-5');
    const [one, other] = [
      await (await askToken(base)).text(),
      await (await askToken(base, {}, '/latest/api/token')).text(),
    ];
    expect(one).toMatch(/^AQA[\w-]{40,}$/);
    expect(other).not.toBe(one);
    expect((await askToken(base, { 'x-aws-ec2-metadata-token-ttl-seconds': 'x' })).status).toBe(200);
    for (const token of [one, 'wrong']) {
      const headers = { 'x-aws-ec2-metadata-token': token };
      expect(await get(base, '/latest/meta-data/instance-id', { headers })).toBe('i-0abcdef0000000010');
    }
    expect(await get(base, '/latest/meta-data/instance-id')).toBe('i-0abcdef0000000010');
  });

  test.each(['eucalyptus-3', 'eucalyptus-4', 'eucalyptus-5'] as const)(
    '%s: what is other than on EC2',
    async (dialect) => {
      const base = await speaking(dialect, { metadataTags: true, roleName: 'web', credentials });
      expect(await get(base, '/latest/meta-data/placement/region')).toBe(404);
      expect(await get(base, '/latest/meta-data/placement/')).toBe('availability-zone');
      expect(await get(base, '/latest/meta-data/tags/instance')).toBe(404);
      expect(await get(base, '/latest/meta-data/spot/instance-action')).toBe(404);
      expect(await get(base, '/latest/meta-data/public-ipv4')).toBe('0.0.0.0');
      expect(await get(base, '/latest/meta-data/mac')).toBe('02:00:0A:4D:00:0A');
      expect(await get(base, '/latest/meta-data/hostname')).toBe('10.77.0.10');
      expect(await get(base, '/latest/meta-data/iam/security-credentials/web')).toContain('ASIALOCAL');
      expect(await get(base, '/2021-07-15/meta-data/mac')).toBe(404);
      expect(String(await get(base, '/')).split('\n')).toEqual(expect.arrayContaining(['1.0', '2014-02-25', 'latest']));
      const document = await get(base, '/latest/dynamic/instance-identity/document');
      if (dialect === 'eucalyptus-3') expect(document).toBe(404);
      else expect(JSON.parse(String(document))).toMatchObject({ region: 'eu-central-1', privateIp: '10.77.0.10' });
    },
  );

  test('openstack: an id of its own in the tree, the real one in its own document', async () => {
    const uuid = '7f1b0c1e-58a5-4b1c-8f0a-2f4de2a1f001';
    const userData = gzipSync('#!/bin/sh\n');
    const base = await speaking('openstack', { instanceId: uuid, roleName: 'web', credentials, userData });
    expect(await get(base, '/latest/meta-data/instance-id')).toBe('i-7f1b0c1e');
    expect(await get(base, '/latest/meta-data/public-ipv4')).toBe('');
    for (const absent of ['meta-data/iam/info', 'meta-data/placement/region', 'dynamic/instance-identity/document'])
      expect(await get(base, `/latest/${absent}`), absent).toBe(404);
    expect(JSON.parse(String(await get(base, '/openstack/latest/meta_data.json')))).toMatchObject({
      uuid,
      meta: { Name: 'planet', role: 'web' },
      availability_zone: 'eu-central-1b',
      project_id: '123456789012',
    });
    expect(await get(base, '/openstack')).toBe('2012-08-10\n2013-04-04\n2013-10-17\n2015-10-15\nlatest');
    for (const path of ['/openstack/latest/user_data', '/latest/user-data']) {
      const answer = await fetch(base + path);
      expect(Buffer.from(await answer.arrayBuffer()).equals(userData)).toBe(true);
    }
    expect(await get(await speaking('aws', { httpTokens: 'optional' }), '/openstack/latest/meta_data.json')).toBe(404);
  });

  test('an instance that has an i- id has the same made-up UUID each time', async () => {
    const base = await speaking('openstack');
    const uuids = await Promise.all(
      [1, 2].map(async () => JSON.parse(String(await get(base, '/openstack/latest/meta_data.json'))).uuid),
    );
    expect(uuids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(uuids[1]).toBe(uuids[0]);
  });

  test('while it starts, a service says so to everything with 200; then it serves', async () => {
    const base = await serve(() => described(undefined, { httpTokens: 'optional' }), {
      dialect: 'eucalyptus-4',
      faults: { startingMs: 300 },
    });
    expect(await get(base, '/latest/meta-data/instance-id')).toBe('System is still starting up');
    expect(await (await askToken(base)).text()).toBe('System is still starting up');
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect(await get(base, '/latest/meta-data/instance-id')).toBe('i-0abcdef0000000010');
  });

  test('a hop limit swallows what answers PUT, and nothing else', async () => {
    const seen: MetadataRequest[] = [];
    const base = await serve(() => described(), { faults: { hopLimit: true }, onRequest: (one) => seen.push(one) });
    const put = fetch(`${base}/latest/api/token`, { method: 'PUT', signal: AbortSignal.timeout(300) });
    await expect(put).rejects.toThrow(/timeout/);
    expect(await get(base, '/latest/meta-data/instance-id')).toBe(401);
    expect(seen.map(({ method, status }) => [method, status])).toEqual([
      ['PUT', 0],
      ['GET', 401],
    ]);
  });

  test.each(['eucalyptus-4', 'eucalyptus-5'] as const)(
    "the AWS SDK's own provider gets on with %s",
    async (dialect) => {
      const { fromInstanceMetadata } = await sdkProvider();
      const base = await speaking(dialect, { roleName: 'web', credentials });
      await withEndpoint(base, async () => {
        expect(await fromInstanceMetadata({ timeout: 2_000, maxRetries: 0 })()).toMatchObject({
          accessKeyId: 'ASIALOCAL',
        });
      });
    },
  );
});

test('requests are told', async () => {
  const seen: MetadataRequest[] = [];
  const base = await serve(() => described(), { onRequest: (request) => seen.push(request) });
  await (await reader(base))('/latest/meta-data/mac');
  expect(seen.map(({ method, path, status, withToken }) => [method, path, status, withToken])).toEqual([
    ['PUT', '/latest/api/token', 200, false],
    ['GET', '/latest/meta-data/mac', 200, true],
  ]);
});

test('faults: late, failing at first, and a platform without tokens', async () => {
  const faults = { latencyMs: 100, failFirst: 2, tokenStatus: 404 };
  const base = await serve(() => described(undefined, { httpTokens: 'optional' }), { faults });
  const started = performance.now();
  expect((await fetch(`${base}/latest/meta-data/mac`)).status).toBe(503);
  expect(performance.now() - started).toBeGreaterThan(95);
  expect((await askToken(base)).status).toBe(503);
  expect((await askToken(base)).status).toBe(404);
  expect((await fetch(`${base}/latest/meta-data/mac`)).status).toBe(200);
});

describe('what of user-data is run', () => {
  const textOf = (userData: Uint8Array | undefined) => {
    const script = scriptOf(userData);
    return script.kind === 'script' ? script.bytes.toString() : script.why;
  };
  const mime = (part: string) =>
    Buffer.from(
      `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=="\n\n--==\nContent-Type: text/cloud-config\n\na: 1\n--==\n${part}\n--==--\n`,
    );

  test('a script, as it is or gzipped', () => {
    expect(textOf(Buffer.from('#!/bin/sh\ntrue\n'))).toBe('#!/bin/sh\ntrue\n');
    expect(textOf(gzipSync('#!/bin/sh\n'))).toBe('#!/bin/sh\n');
  });

  test('the shell part of a MIME archive, base64 or not', () => {
    expect(textOf(mime('Content-Type: text/x-shellscript; charset="utf-8"\n\n#!/bin/sh\ntrue'))).toContain(
      '#!/bin/sh\ntrue',
    );
    const base64 = Buffer.from('#!/bin/sh\n').toString('base64');
    const part = `Content-Type: text/x-shellscript\nContent-Transfer-Encoding: base64\n\n${base64}`;
    expect(textOf(mime(part))).toBe('#!/bin/sh\n');
  });

  test('nothing else, and it is said why', () => {
    expect(textOf(undefined)).toContain('no user-data');
    expect(textOf(Buffer.from('#cloud-config\npackages: []\n'))).toContain('#cloud-config');
    expect(textOf(mime('Content-Type: text/plain\n\nx'))).toContain('no text/x-shellscript');
  });
});
