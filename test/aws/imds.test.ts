import http from 'node:http';
import { connect } from 'node:net';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ImdsClient } from '../../src/aws/imds.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { VirtualClock } from '../support/clock.ts';
import { imdsAt, startMetadata } from '../support/metadata.ts';
import { rejection } from '../support/readers.ts';
import { freePort, say, startWire } from '../support/wire.ts';

const ID = 'meta-data/instance-id';
const TOKEN_HEADER = 'x-aws-ec2-metadata-token';
const textAt = (imds: ImdsClient, path: string) => imds.reader()(path, (text) => text);

describe('the token', () => {
  it('is asked for once, before the first question, and sent with every one', async () => {
    const metadata = await startMetadata();
    const imds = new ImdsClient(imdsAt(metadata.base));
    expect(await textAt(imds, ID)).toBe('i-0abcdef0000000010');
    expect(await textAt(imds, 'meta-data/nothing')).toBeUndefined();
    expect(metadata.log.map(({ method, path, status, withToken }) => [method, path, status, withToken])).toEqual([
      ['PUT', '/latest/api/token', 200, false],
      ['GET', `/latest/${ID}`, 200, true],
      ['GET', '/latest/meta-data/nothing', 404, true],
    ]);
  });

  it('is renewed before its time is over', async () => {
    const metadata = await startMetadata();
    let elapsed = 0;
    const imds = new ImdsClient(imdsAt(metadata.base, { clock: { ...systemClock, elapsed: () => elapsed } }));
    await textAt(imds, ID);
    elapsed = 21_500_000;
    await textAt(imds, ID);
    elapsed = 21_600_000 - 59_000;
    await textAt(imds, ID);
    expect(metadata.log.map(({ method }) => method).join(' ')).toBe('PUT GET GET PUT GET');
  });

  it('that the service forgot is replaced once', async () => {
    const port = await freePort();
    const before = await startMetadata({}, port);
    const imds = new ImdsClient(imdsAt(before.base));
    await textAt(imds, ID);
    await before.stop();
    const after = await startMetadata({}, port);
    expect(await textAt(imds, ID)).toBe('i-0abcdef0000000010');
    expect(after.log.map(({ method, status }) => [method, status])).toEqual([
      ['GET', 401],
      ['PUT', 200],
      ['GET', 200],
    ]);
  });

  it('that is never good enough ends in a refusal', async () => {
    const wire = await startWire((response, request) => say(response, request.method === 'PUT' ? 200 : 401, 'token'));
    const error = await rejection(textAt(new ImdsClient(imdsAt(wire.url)), ID));
    expect(error).toMatchObject({ code: 'metadata-refused', reason: 'the metadata service answered 401' });
    expect(wire.asked.map(({ method }) => method)).toEqual(['PUT', 'GET', 'PUT', 'GET']);
  });

  it.each([403, 401, 400])('that is refused with %i is believed: version 1 is never tried', async (status) => {
    const metadata = await startMetadata({ httpTokens: 'optional' });
    metadata.faults.tokenStatus = status;
    const error = await rejection(textAt(new ImdsClient(imdsAt(metadata.base)), ID));
    expect(error).toMatchObject({ code: 'metadata-refused', subject: '/latest/api/token' });
    expect(metadata.log.map(({ method }) => method)).toEqual(['PUT']);
  });

  it.each([503, 500, 429])('that is never given because of %i is waited for, and not done without', async (status) => {
    const metadata = await startMetadata({ httpTokens: 'optional' });
    metadata.faults.tokenStatus = status;
    const error = await rejection(textAt(new ImdsClient(imdsAt(metadata.base, { waitMs: 300 })), ID));
    expect(error).toMatchObject({ code: 'metadata-unreachable', subject: '/latest/api/token' });
    expect(new Set(metadata.log.map(({ method }) => method))).toEqual(new Set(['PUT']));
  });

  it.each(['', 'a b', 'a\nb', 'a\r\nX-Evil: 1', '\u00e9', 'x'.repeat(4_097), '<html>Please log in</html> '])(
    '%j is none: another is asked for until the patience ends',
    async (token) => {
      const wire = await startWire((response) => say(response, 200, token));
      const error = await rejection(textAt(new ImdsClient(imdsAt(wire.url, { waitMs: 200 })), ID));
      expect(error).toMatchObject({ code: 'metadata-invalid', subject: '/latest/api/token' });
      expect(wire.asked.length).toBeGreaterThan(1);
      expect(new Set(wire.asked.map(({ method }) => method))).toEqual(new Set(['PUT']));
    },
  );
});

describe('version 1', () => {
  it.each([404, 405, 501])(
    'is spoken where the token endpoint answers %i, which is said and not asked again',
    async (status) => {
      const metadata = await startMetadata({ httpTokens: 'optional' });
      metadata.faults.tokenStatus = status;
      const said: string[] = [];
      const imds = new ImdsClient(imdsAt(metadata.base, { say: (words) => said.push(words) }));
      expect(await textAt(imds, ID)).toBe('i-0abcdef0000000010');
      expect(await textAt(imds, 'meta-data/mac')).toBe('02:00:0a:4d:00:0a');
      expect(metadata.log.map(({ method }) => method).join(' ')).toBe('PUT GET GET');
      expect(metadata.log.every(({ withToken }) => !withToken)).toBe(true);
      expect(said).toEqual(['it has no tokens, so its version 1 is spoken']);
    },
  );

  it('ends where tokens are demanded after all', async () => {
    const metadata = await startMetadata({ httpTokens: 'optional' });
    metadata.faults.tokenStatus = 404;
    const imds = new ImdsClient(imdsAt(metadata.base));
    await textAt(imds, ID);
    delete metadata.faults.tokenStatus;
    metadata.facts = { httpTokens: 'required' };
    expect(await textAt(imds, ID)).toBe('i-0abcdef0000000010');
    expect(metadata.log.map(({ method, status }) => `${method} ${status}`).join(', ')).toBe(
      'PUT 404, GET 200, GET 401, PUT 200, GET 200',
    );
  });

  it('is refused where the endpoint is missing and tokens are demanded', async () => {
    const metadata = await startMetadata({ httpTokens: 'required' });
    metadata.faults.tokenStatus = 404;
    expect(await rejection(textAt(new ImdsClient(imdsAt(metadata.base)), ID))).toMatchObject({
      code: 'metadata-refused',
      reason: 'the metadata service answered 401',
    });
  });
});

describe('a hop limit', () => {
  it.each(['required', 'optional'] as const)(
    'is named as such where tokens are %s, and never a way to version 1',
    async (httpTokens) => {
      const metadata = await startMetadata({ httpTokens });
      metadata.faults.hopLimit = true;
      const started = performance.now();
      const error = await rejection(
        textAt(new ImdsClient(imdsAt(metadata.base, { waitMs: 60_000, answerMs: 300 })), ID),
      );
      expect(error).toMatchObject({
        code: 'metadata-hop-limit',
        step: 'metadata',
        hint: expect.stringContaining('HttpPutResponseHopLimit to 2'),
      });
      // Three tokens that never came, and one plain question whose answer was not used.
      expect(metadata.log.map(({ method }) => method).join(' ')).toBe('PUT PUT PUT GET');
      expect(metadata.log.at(-1)?.path).toBe('/latest/meta-data/');
      expect(performance.now() - started).toBeLessThan(3_000);
    },
  );

  it('is not suspected while nothing is answered at all', async () => {
    const wire = await startWire(() => undefined);
    const error = await rejection(textAt(new ImdsClient(imdsAt(wire.url, { waitMs: 1_500, answerMs: 300 })), ID));
    expect(error).toMatchObject({ code: 'metadata-unreachable', reason: expect.stringContaining('ETIMEDOUT') });
    expect(wire.asked.some(({ method }) => method === 'GET')).toBe(true);
  }, 20_000);
});

describe('a service that starts', () => {
  it('says so with 200 to everything, and is waited for', async () => {
    const metadata = await startMetadata();
    metadata.faults.startingMs = 400;
    const said: string[] = [];
    const imds = new ImdsClient(imdsAt(metadata.base, { say: (words) => said.push(words) }));
    expect(await textAt(imds, ID)).toBe('i-0abcdef0000000010');
    expect(said).toEqual(['waiting for it: the metadata service says that it is still starting up, or shutting down']);
  });

  it.each(['System is still starting up', 'System shutting down'])('and stays at it (%s) is named', async (words) => {
    const wire = await startWire((response, request) =>
      request.method === 'PUT' ? say(response, 404, '') : say(response, 200, words),
    );
    const imds = new ImdsClient(imdsAt(wire.url, { waitMs: 300 }));
    const read = imds.reader()(ID, (text) => {
      if (!text.startsWith('i-')) throw new Error('no id');
      return text;
    });
    expect(await rejection(read)).toMatchObject({ code: 'metadata-starting', subject: `/latest/${ID}` });
  });
});

describe('patience', () => {
  it('is one for all questions of a reader: a service that dies in between does not double it', async () => {
    const metadata = await startMetadata();
    const read = new ImdsClient(imdsAt(metadata.base)).reader(1_500);
    await read(ID, String);
    await metadata.stop();
    const started = performance.now();
    for (let i = 0; i < 5; i++) await rejection(read(ID, String));
    expect(performance.now() - started).toBeLessThan(3_500);
  });

  it('is five minutes of a service that is a minute late, by the clock of the agent', async () => {
    const clock = new VirtualClock();
    const port = await freePort();
    clock.at(60_000, () => startMetadata({}, port));
    const imds = new ImdsClient({ base: `http://127.0.0.1:${port}`, clock, random: () => 0.5 });
    expect(await textAt(imds, ID)).toBe('i-0abcdef0000000010');
    expect(clock.elapsed()).toBeGreaterThanOrEqual(60_000);
    expect(clock.elapsed()).toBeLessThan(62_000);
  });

  it('ends after five minutes', async () => {
    const clock = new VirtualClock();
    const imds = new ImdsClient({ base: `http://127.0.0.1:${await freePort()}`, clock, random: () => 0.5 });
    expect(await rejection(textAt(imds, ID))).toMatchObject({ code: 'metadata-unreachable' });
    expect(clock.elapsed()).toBeGreaterThan(297_000);
    expect(clock.elapsed()).toBeLessThanOrEqual(300_000);
  });

  it('a service that starts a second late is waited for', async () => {
    const port = await freePort();
    const answer = textAt(new ImdsClient(imdsAt(`http://127.0.0.1:${port}`, { waitMs: 20_000 })), ID);
    await systemClock.sleep(1_000);
    await startMetadata({}, port);
    expect(await answer).toBe('i-0abcdef0000000010');
  });

  it.each([503, 500, 429])('%i at first is waited out', async (status) => {
    const wire = await startWire((response, _, count) => say(response, count < 4 ? status : 200, 'text'));
    expect(await textAt(new ImdsClient(imdsAt(wire.url)), ID)).toBe('text');
    expect(wire.asked.map(({ method }) => method).join(' ')).toBe('PUT PUT PUT PUT GET');
  });

  it('the local service when its first answers are 503', async () => {
    const metadata = await startMetadata();
    metadata.faults.failFirst = 3;
    expect(await textAt(new ImdsClient(imdsAt(metadata.base)), ID)).toBe('i-0abcdef0000000010');
  });

  it('an answer that breaks off is asked for again', async () => {
    const wire = await startWire((response, _, count) => {
      if (count > 2) return say(response, 200, 'text');
      response.writeHead(200, { 'content-length': '100' });
      response.write('some', () => response.socket?.destroySoon());
    });
    expect(await textAt(new ImdsClient(imdsAt(wire.url)), ID)).toBe('text');
  });

  it('has an end, and says why', async () => {
    const port = await freePort();
    const started = performance.now();
    const error = await rejection(textAt(new ImdsClient(imdsAt(`http://127.0.0.1:${port}`, { waitMs: 300 })), ID));
    expect(error).toMatchObject({ code: 'metadata-unreachable', reason: expect.stringContaining('ECONNREFUSED') });
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('a service that accepts and says nothing is given up', async () => {
    const wire = await startWire(() => undefined);
    const error = await rejection(textAt(new ImdsClient(imdsAt(wire.url, { waitMs: 100 })), ID));
    expect(error).toMatchObject({ code: 'metadata-unreachable', reason: expect.stringContaining('ETIMEDOUT') });
  });
});

describe('a hostile service', () => {
  const tokenThen = (answer: Parameters<typeof startWire>[0]) =>
    startWire((response, request, count) =>
      request.method === 'PUT' ? say(response, 200, 'token-of-the-test') : answer(response, request, count),
    );

  it.each([301, 302, 303, 307, 308])('a %i is not followed', async (status) => {
    const elsewhere = await startWire((response) => say(response, 200, 'stolen'));
    const wire = await tokenThen((response) => say(response, status, '', { location: `${elsewhere.url}/x` }));
    expect(await rejection(textAt(new ImdsClient(imdsAt(wire.url)), ID))).toMatchObject({ code: 'metadata-refused' });
    expect(elsewhere.asked).toHaveLength(0);
  });

  it('10 MB are not an answer', async () => {
    const wire = await tokenThen((response) => say(response, 200, Buffer.alloc(10 * 1024 * 1024, 'x')));
    const error = await rejection(textAt(new ImdsClient(imdsAt(wire.url)), ID));
    expect(error).toMatchObject({ code: 'metadata-invalid', reason: 'the answer is longer than 262144 bytes' });
  });

  it('neither is a body without end, which is cut off at the limit', async () => {
    let sent = 0;
    const wire = await tokenThen((response) => {
      const more = () => {
        sent += 65_536;
        if (response.write(Buffer.alloc(65_536, 'x'))) setImmediate(more);
      };
      response.on('drain', more);
      more();
    });
    const started = performance.now();
    expect(await rejection(textAt(new ImdsClient(imdsAt(wire.url)), ID))).toMatchObject({ code: 'metadata-invalid' });
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(sent).toBeLessThan(32 * 1024 * 1024);
  });

  it('a body that drips for ever is given up after four seconds', async () => {
    const wire = await tokenThen((response) => {
      response.write('i-');
      const timer = setInterval(() => response.write('0'), 100);
      response.on('close', () => clearInterval(timer));
    });
    const started = performance.now();
    const error = await rejection(textAt(new ImdsClient(imdsAt(wire.url, { waitMs: 100 })), ID));
    expect(error).toMatchObject({ code: 'metadata-unreachable', reason: expect.stringContaining('ETIMEDOUT') });
    expect(performance.now() - started).toBeLessThan(6_500);
  }, 10_000);

  it('a compressed answer is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024));
    const wire = await tokenThen((response) => say(response, 200, bomb, { 'content-encoding': 'gzip' }));
    const text = await textAt(new ImdsClient(imdsAt(wire.url)), ID);
    expect(text!.length).toBeLessThan(100_000);
    expect(wire.asked[1]?.headers['accept-encoding']).toBeUndefined();
  });

  it('a token is in no error, at any depth', async () => {
    const answers: Parameters<typeof startWire>[0][] = [
      (response) => say(response, 403, 'no'),
      (response) => response.socket?.destroy(),
      (response) => say(response, 200, Buffer.alloc(1_000_000)),
      (response) => response.socket?.end('HTTP/1.1 nonsense\r\n\r\n'),
    ];
    for (const answer of answers) {
      const wire = await tokenThen(answer);
      const error = await rejection(textAt(new ImdsClient(imdsAt(wire.url, { waitMs: 50 })), ID));
      expect(wire.asked.at(-1)?.headers[TOKEN_HEADER]).toBe('token-of-the-test');
      expect(inspect(error, { depth: 20 })).not.toContain('token-of-the-test');
    }
  });
});

it('proxy settings of the environment do not see a metadata request', async () => {
  const proxy = await startWire((response) => say(response, 200, 'proxied'));
  const metadata = await startMetadata();
  const names = ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'];
  for (const name of names) process.env[name] = proxy.url;
  try {
    expect(await textAt(new ImdsClient(imdsAt(metadata.base)), ID)).toBe('i-0abcdef0000000010');
  } finally {
    for (const name of names) delete process.env[name];
  }
  expect(proxy.asked).toHaveLength(0);
});

/** What NODE_USE_ENV_PROXY does since Node 22.21 and 24.5: an agent that goes to the proxy stands in the place of the common one. */
it("nor does a proxy that is everybody's agent", async () => {
  const proxy = await startWire((response) => say(response, 200, 'proxied'));
  const metadata = await startMetadata();
  const common = http.globalAgent;
  const { hostname: host, port } = new URL(proxy.url);
  http.globalAgent = new (class extends http.Agent {
    override createConnection = () => connect({ host, port: Number(port) });
  })();
  try {
    expect(await textAt(new ImdsClient(imdsAt(metadata.base)), ID)).toBe('i-0abcdef0000000010');
  } finally {
    http.globalAgent = common;
  }
  expect(proxy.asked).toHaveLength(0);
});
