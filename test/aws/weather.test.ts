import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen } from '../../src/cloud/s3/listen.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { FaultProxy, type NetFault } from '../support/fault-proxy.ts';
import { MemorySink, readerAt, rejection, s3ForTest } from '../support/readers.ts';
import { randomFrom, SEED } from '../support/seeded.ts';

/**
 * The reading path through a bad network (reliability F1-F3), its deadlines a hundredth of the real ones: each fault is survived
 * or has its reason code, in time, and no byte is taken that was not uploaded. On machines: test/e2e/weather.test.ts.
 */
const DEADLINES = { connect: 100, headers: 200, idle: 200, total: 900 };
const RETRY = { attempts: 3, baseMs: 5, capMs: 20 };
/** Three tries, each at its longest, and a machine that is busy elsewhere. */
const LONGEST_MS = 3 * (DEADLINES.connect + DEADLINES.total) + 2_000;
const CONTENT = Buffer.from(Array.from({ length: 200_000 }, randomFrom(SEED).bind(null, 256)));

let proxy: FaultProxy;
let url: string;
let etag: string;
const draw = randomFrom(SEED);
beforeAll(async () => {
  proxy = new FaultProxy(() => draw(1_000) / 1_000);
});
afterAll(() => proxy.close());

async function ready() {
  const s3 = await s3ForTest();
  ({ etag } = await s3.endpoint.put('bkt', 'a', { bytes: CONTENT }));
  await s3.endpoint.put('bkt', 'b', { bytes: Buffer.from('small') });
  const listening = await listen(proxy.before(s3.endpoint.handler), { host: '127.0.0.1', port: 0 });
  url = listening.url;
  return listening;
}

/** Reads and lists with one fault: what came of it. */
async function weather(fault: NetFault, what: 'list' | 'read'): Promise<string> {
  proxy.befalls = { fault };
  const reader = readerAt(url, { deadlines: DEADLINES, retry: RETRY });
  // What the store's tags are it has learnt on a good day.
  proxy.befalls = undefined;
  await reader.read({ key: 'a', etag, size: CONTENT.length }, new MemorySink());
  proxy.befalls = { fault };
  const started = performance.now();
  const sink = new MemorySink();
  const action: Promise<unknown> =
    what === 'read'
      ? reader.read({ key: 'a', etag, size: CONTENT.length }, sink)
      : reader.list('', undefined).then(({ objects }) => objects.map(({ key, size }) => `${key} ${size}`));
  const came = await action.then(
    (found) => {
      if (what === 'read') expect(sha256(sink.bytes)).toBe(sha256(CONTENT));
      else expect(found).toEqual([`a ${CONTENT.length}`, 'b 5']);
      return 'correct';
    },
    (error: unknown) => (error as { code: string }).code,
  );
  expect(performance.now() - started).toBeLessThan(LONGEST_MS);
  expect(sink.most).toBeLessThanOrEqual(CONTENT.length);
  return came;
}

const ROWS: [name: string, fault: NetFault, read: string, list: string][] = [
  ['503 always', { kind: 'status', status: 503, code: 'SlowDown' }, 's3-SlowDown', 's3-SlowDown'],
  ['silence before the answer', { kind: 'silence' }, 'store-timeout', 'store-timeout'],
  ['a stall after the head', { kind: 'stall', at: 0 }, 'store-timeout', 'store-timeout'],
  ['a stall in the body', { kind: 'stall', at: 100 }, 'store-timeout', 'store-timeout'],
  ['a body without end', { kind: 'endless' }, 's3-PreconditionFailed', 'answer-too-long'],
  ['a wrong body of the right length', { kind: 'wrong' }, 'body-altered', 'listing-unreadable'],
  ['a drip', { kind: 'drip', bytes: 7 }, 'store-timeout', 'store-timeout'],
  ['a reset before the answer', { kind: 'reset' }, 'store-unreachable', 'store-unreachable'],
  ['a reset in the body', { kind: 'reset', at: 100 }, 'body-incomplete', 'store-unreachable'],
  ['a late answer', { kind: 'delay', ms: 100 }, 'correct', 'correct'],
  ['no HTTP', { kind: 'noise' }, 'store-unreachable', 'store-unreachable'],
];

describe('through a bad network', () => {
  it.each(ROWS)(
    '%s',
    async (_, fault, read, list) => {
      const server = await ready();
      expect([await weather(fault, 'read'), await weather(fault, 'list')]).toEqual([read, list]);
      await server.close();
    },
    20_000,
  );

  it('503 to half of the requests is got through, most of the time, and never quietly not', async () => {
    const server = await ready();
    const came: Record<string, number> = {};
    for (let time = 0; time < 60; time++) {
      const outcome = await weather(
        { kind: 'status', status: 503, code: 'SlowDown', share: 50 },
        time % 2 ? 'read' : 'list',
      );
      came[outcome] = (came[outcome] ?? 0) + 1;
    }
    console.log(`503 to half, three tries each: seed ${SEED}, ${JSON.stringify(came)}`);
    expect(came['correct']).toBeGreaterThan(40);
    expect((came['correct'] ?? 0) + (came['s3-SlowDown'] ?? 0)).toBe(60);
    await server.close();
  }, 60_000);

  it('a body or a listing that is cut anywhere, with and without its length, is never taken for whole', async () => {
    const server = await ready();
    const came: Record<string, number> = {};
    for (let percent = 0; percent < 100; percent += 4) {
      for (const told of [true, false]) {
        const at = Math.floor((CONTENT.length * percent) / 100) + draw(CONTENT.length / 25);
        for (const what of ['read', 'list'] as const) {
          const outcome = `${what} ${await weather({ kind: 'cut', at: what === 'read' ? at : draw(600), told }, what)}`;
          came[outcome] = (came[outcome] ?? 0) + 1;
        }
      }
    }
    console.log(`cut at 50 places each, with and without a length: seed ${SEED}, ${JSON.stringify(came)}`);
    expect(came['read body-incomplete']).toBe(50);
    expect(Object.keys(came).sort()).toEqual([
      'list listing-unreadable',
      'list store-unreachable',
      'read body-incomplete',
    ]);
    await server.close();
  }, 60_000);
});

describe('a server that does not get as far as an answer', () => {
  let silent: Server;
  let port: number;
  beforeAll(async () => {
    silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    port = (silent.address() as { port: number }).port;
  });
  afterAll(() => silent.close());

  it('a TLS handshake that never ends is a time-out of the connection', async () => {
    const reader = readerAt(`https://127.0.0.1:${port}`, { deadlines: DEADLINES, retry: RETRY });
    const started = performance.now();
    expect(await rejection(reader.list('', undefined))).toMatchObject({
      code: 'store-timeout',
      reason: 'waited 0.1 s for the connection',
    });
    expect(performance.now() - started).toBeLessThan(LONGEST_MS);
  });
});
