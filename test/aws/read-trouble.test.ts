import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/cloud/s3/faults.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { MemorySink, readerAt, rejection, s3ForTest } from '../support/readers.ts';
import { errorXml, freePort, say, startWire } from '../support/wire.ts';

const object = { key: 'a', etag: '', size: 100_000 };
const content = Buffer.alloc(object.size, 'a');
/** A machine that is busy elsewhere takes its time; a deadline that is not kept takes for ever. */
const SLACK_MS = 2_000;

async function within<T>(milliseconds: number, action: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await action();
  expect(performance.now() - started).toBeLessThan(milliseconds + SLACK_MS);
  return result;
}

describe('passing trouble is tried again', () => {
  it.each([
    ['503', { status: 503, code: 'SlowDown' }],
    ['500', { status: 500, code: 'InternalError' }],
    ['429', { status: 429, code: 'TooManyRequests' }],
    ['a body that is cut off', { cutAfterBytes: 70_000 }],
    ['a body that is cut off before its first byte', { cutAfterBytes: 0 }],
  ] satisfies [string, Fault][])('%s, then the object', async (_, fault) => {
    let requests = 0;
    const s3 = await s3ForTest({ faults: () => (++requests < 3 ? fault : undefined) });
    const { etag } = await s3.endpoint.put('bkt', 'a', { bytes: content });
    const sink = new MemorySink();
    await readerAt(s3.url).read({ ...object, etag }, sink);
    expect([sink.bytes.equals(content), sink.restarts, requests]).toEqual([true, 3, 3]);
    expect(sink.most).toBe(object.size);
  });

  it('a listing that is cut off, then the listing', async () => {
    let requests = 0;
    const s3 = await s3ForTest({ faults: () => (++requests < 2 ? { cutAfterBytes: 50 } : undefined) });
    await s3.endpoint.put('bkt', 'a', { bytes: content });
    expect((await readerAt(s3.url).list('', undefined)).objects).toHaveLength(1);
    expect(requests).toBe(2);
  });

  it('but not for ever: the last answer is the error', async () => {
    let requests = 0;
    const s3 = await s3ForTest({
      faults() {
        requests++;
        return { status: 503, code: 'SlowDown' };
      },
    });
    const error = await rejection(readerAt(s3.url).read(object, new MemorySink()));
    expect(error).toMatchObject({ code: 's3-SlowDown', status: 503, subject: 'a' });
    expect(requests).toBe(3);
  });

  it('a 503 page of a proxy that is longer than any error document is still a 503', async () => {
    const wire = await startWire((response, _, count) =>
      count === 1 ? say(response, 503, `<html>${'x'.repeat(300_000)}</html>`) : say(response, 200, content),
    );
    const sink = new MemorySink();
    await readerAt(wire.url).read(object, sink);
    expect([sink.bytes.length, wire.asked.length]).toEqual([object.size, 2]);
  });

  it('nobody listening is store-unreachable, with the reason', async () => {
    const error = await rejection(readerAt(`http://127.0.0.1:${await freePort()}`).list('', undefined));
    expect(error).toMatchObject({ code: 'store-unreachable', reason: expect.stringContaining('ECONNREFUSED') });
  });
});

describe('a body that stays short is body-incomplete, and was tried again', () => {
  it.each([
    ['with a length', { 'content-length': '100000' }],
    ['without a length', { 'transfer-encoding': 'chunked' }],
    ['that ends with the connection', { connection: 'close' }],
  ])('%s', async (_, headers) => {
    const wire = await startWire((response) => {
      response.useChunkedEncodingByDefault = !('connection' in headers);
      response.writeHead(200, headers);
      response.write(content.subarray(0, 60_000), () => response.socket?.destroySoon());
    });
    const sink = new MemorySink();
    const error = await rejection(readerAt(wire.url).read(object, sink));
    expect(error).toMatchObject({ code: 'body-incomplete', subject: 'a' });
    expect([wire.asked.length, sink.restarts]).toEqual([3, 3]);
  });

  it('one that says itself that it is shorter than listed', async () => {
    const wire = await startWire((response) => say(response, 200, 'short'));
    const error = await rejection(readerAt(wire.url).read(object, new MemorySink()));
    expect(error).toMatchObject({ code: 'body-incomplete', reason: '5 of 100000 bytes came' });
  });
});

describe('no wait is without an end', () => {
  const deadlines = { headers: 150, idle: 150, total: 400, rateWindow: 10_000 };
  const retry = { attempts: 2, baseMs: 1, capMs: 1 };

  it('a store that does not answer', async () => {
    const wire = await startWire(() => undefined);
    const error = await within(300, () => rejection(readerAt(wire.url, { deadlines, retry }).list('', undefined)));
    expect(error).toMatchObject({ code: 'store-timeout', reason: 'waited 0.15 s for the first byte' });
    expect(wire.asked).toHaveLength(2);
  });

  it('the local endpoint when it stalls', async () => {
    const s3 = await s3ForTest({ faults: () => ({ stallMs: 60_000 }) });
    const error = await within(300, () => rejection(readerAt(s3.url, { deadlines, retry }).list('', undefined)));
    expect(error).toMatchObject({ code: 'store-timeout' });
  });

  it('a body that stops', async () => {
    const wire = await startWire((response) => {
      response.writeHead(200, { 'content-length': object.size });
      response.write('some');
    });
    const read = () => rejection(readerAt(wire.url, { deadlines, retry }).read(object, new MemorySink()));
    expect(await within(300, read)).toMatchObject({ code: 'store-timeout', reason: 'waited 0.15 s for more bytes' });
    expect(wire.asked).toHaveLength(2);
  });

  it('a body that trickles', async () => {
    const wire = await startWire((response) => {
      response.writeHead(200, { 'content-length': object.size });
      const trickle = setInterval(() => response.write('.'), 20);
      response.once('close', () => clearInterval(trickle));
    });
    const read = () => rejection(readerAt(wire.url, { deadlines, retry }).read(object, new MemorySink()));
    expect(await within(800, read)).toMatchObject({ code: 'store-timeout', reason: expect.stringContaining('whole') });
  });

  it('a body that comes too slowly to be worth it', async () => {
    const wire = await startWire((response) => {
      response.writeHead(200, { 'content-length': object.size });
      const trickle = setInterval(() => response.write('.'), 20);
      response.once('close', () => clearInterval(trickle));
    });
    const slow = { deadlines: { rateWindow: 300, rateBytes: 1_000 }, retry };
    const read = () => rejection(readerAt(wire.url, slow).read(object, new MemorySink()));
    expect(await within(700, read)).toMatchObject({
      code: 'store-too-slow',
      reason: 'less than 1000 bytes came in 0.3 s',
    });
    expect(wire.asked).toHaveLength(2);
  });

  it('a body that is slow, but fast enough, comes whole', async () => {
    const wire = await startWire((response) => {
      response.writeHead(200, { 'content-length': object.size });
      let sent = 0;
      const trickle = setInterval(() => {
        response.write(content.subarray(sent, sent + 10_000));
        sent += 10_000;
        if (sent >= object.size) response.end(() => clearInterval(trickle));
      }, 60);
      response.once('close', () => clearInterval(trickle));
    });
    const sink = new MemorySink();
    await readerAt(wire.url, { deadlines: { rateWindow: 300, rateBytes: 1_000 }, retry }).read(object, sink);
    expect(sink.bytes.equals(content)).toBe(true);
  });

  it('the body of a refusal', async () => {
    const wire = await startWire((response) => response.writeHead(403).write('<Error>'));
    const read = () => rejection(readerAt(wire.url, { deadlines, retry }).list('', undefined));
    expect(await within(300, read)).toMatchObject({ code: 'store-timeout' });
  });
});

describe('a listing that is none', () => {
  it.each([
    ['HTML', '<html><body>Please log in</body></html>'],
    ['nothing', ''],
    ['an error document with status 200', errorXml('InternalError')],
  ])('%s is listing-unreadable', async (_, body) => {
    const wire = await startWire((response) => say(response, 200, body));
    const error = await rejection(readerAt(wire.url).list('', undefined));
    expect(error).toMatchObject({ code: 'listing-unreadable', subject: 's3://bkt' });
    expect(wire.asked).toHaveLength(1);
  });

  const page = (token: string) =>
    `<ListBucketResult><IsTruncated>true</IsTruncated>${token && `<NextContinuationToken>${token}</NextContinuationToken>`}</ListBucketResult>`;

  it('one that is cut off without a way on', async () => {
    const wire = await startWire((response) => say(response, 200, page('')));
    expect(await rejection(readerAt(wire.url).list('', undefined))).toMatchObject({ code: 'listing-unreadable' });
  });

  it('one that goes round in a circle', async () => {
    const wire = await startWire((response) => say(response, 200, page('again')));
    expect(await rejection(readerAt(wire.url).list('', undefined))).toMatchObject({ code: 'listing-unreadable' });
    expect(wire.asked).toHaveLength(2);
  });

  it('one whose pages never end', { timeout: 60_000 }, async () => {
    const wire = await startWire((response, _, count) => say(response, 200, page(`${count}`)));
    expect(await rejection(readerAt(wire.url).list('', undefined))).toMatchObject({
      code: 'listing-unreadable',
      reason: expect.stringContaining('does not end'),
    });
  });

  it('one page that never ends is cut off at its limit', async () => {
    let sent = 0;
    const wire = await startWire((response) => {
      const more = () => {
        sent += 262_144;
        if (response.write(Buffer.alloc(262_144, 'x'))) setImmediate(more);
      };
      response.on('drain', more);
      more();
    });
    expect(await rejection(readerAt(wire.url).list('', undefined))).toMatchObject({ code: 'answer-too-long' });
    expect([wire.asked.length, sent < 64 * 1024 * 1024]).toEqual([1, true]);
  });
});

it('a sink that fails is not the fault of the store: its error comes as it is, once', async () => {
  const wire = await startWire((response) => say(response, 200, content));
  for (const code of ['ENOSPC', 'ECONNRESET']) {
    const full = Object.assign(new Error('full'), { code });
    const reader = readerAt(wire.url);
    const write = () => Promise.reject(full);
    expect(await rejection(reader.read(object, { restart: () => undefined, write }))).toBe(full);
    expect(await rejection(reader.read(object, { restart: write, write }))).toBe(full);
  }
  expect(wire.asked).toHaveLength(2);
});

it('pauses between tries are asked of the clock, and end with the budget', async () => {
  const s3 = await s3ForTest({ faults: () => ({ status: 503, code: 'SlowDown' }) });
  let elapsed = 0;
  const pauses: number[] = [];
  const clock = {
    ...systemClock,
    elapsed: () => elapsed,
    sleep: async (milliseconds: number) => {
      pauses.push(milliseconds);
      elapsed += milliseconds;
    },
  };
  const retry = { attempts: 50, baseMs: 200, capMs: 5_000, budgetMs: 20_000 };
  await rejection(readerAt(s3.url, { clock, retry, random: () => 1 }).list('', undefined));
  expect(pauses).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
});

describe('a store that asks for time gets it', () => {
  const clockOf = (slept: number[]) => ({
    ...systemClock,
    sleep: async (milliseconds: number) => void slept.push(Math.round(milliseconds)),
  });
  const pauses = async (retryAfter: string): Promise<number[]> => {
    const slept: number[] = [];
    const wire = await startWire((response, _, count) =>
      count === 1
        ? say(response, 503, errorXml('SlowDown'), { 'retry-after': retryAfter })
        : say(response, 200, content),
    );
    await readerAt(wire.url, { clock: clockOf(slept), random: () => 0 }).readSmall('a', 200_000);
    return slept;
  };

  it.each([
    ['7', 7_000],
    ['0', 0],
    ['3600', 30_000],
    ['soon', 0],
    ['-5', 0],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Thu, 01 Jan 2099 00:00:00 GMT', 30_000],
  ])('Retry-After: %s is a pause of %i ms, bounded', async (retryAfter, pause) => {
    expect(await pauses(retryAfter)).toEqual([pause]);
  });

  it('and with many objects the tries beyond the first are bounded together, not each by itself', async () => {
    const wire = await startWire((response) => say(response, 503, errorXml('SlowDown')));
    const reader = readerAt(wire.url, { retry: { attempts: 5, baseMs: 1, capMs: 1 } });
    const reads = Array.from({ length: 200 }, () => rejection(reader.readSmall('a', 9)));
    for (const error of await Promise.all(reads)) expect(error).toMatchObject({ code: 's3-SlowDown' });
    expect(wire.asked.length).toBeGreaterThanOrEqual(300);
    expect(wire.asked.length).toBeLessThan(340);
  });
});
