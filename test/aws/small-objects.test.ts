import { describe, expect, it, onTestFinished } from 'vitest';
import type { ConversationOptions } from '../../src/aws/conversation.ts';
import { SmallObjects } from '../../src/aws/small-objects.ts';
import type { Fault } from '../../src/cloud/s3/faults.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { resolveLocalNames } from '../support/local-names.ts';
import { rejection, s3ForTest } from '../support/readers.ts';
import { KEY, REGION, TEMPORARY_KEY } from '../support/s3.ts';
import { errorXml, say, startWire } from '../support/wire.ts';

const TYPE = 'application/json';

function objectsAt(url: string, options: Partial<ConversationOptions> = {}): SmallObjects {
  const objects = new SmallObjects({
    endpoint: { url, region: REGION },
    bucket: 'bkt',
    credentials: async () => TEMPORARY_KEY,
    clock: systemClock,
    random: () => 0.5,
    retry: { attempts: 3, baseMs: 1, capMs: 2 },
    ...options,
  });
  onTestFinished(() => objects.close());
  return objects;
}

describe('put', () => {
  it('writes what is there then, with its type, whatever the key is', async () => {
    const s3 = await s3ForTest();
    const objects = objectsAt(s3.url);
    for (const [key, text] of [
      ['.haulout/instances/web/i-1.json', '{"schema":1}\n'],
      ['.haulout/instances/web/i-1.json', '{"schema":1,"name":"Füchse"}\n'],
      ["a b+c/ü!'(*).json", ''],
      ['big', 'x'.repeat(3_000_000)],
    ] as const) {
      await objects.put(key, Buffer.from(text), TYPE);
      expect(String(await s3.endpoint.get('bkt', key, 9_000_000))).toBe(text);
    }
  });

  it('is one request on a connection that is kept, its length and its hash in the head', async () => {
    const wire = await startWire((response) => say(response, 200, ''));
    const objects = objectsAt(wire.url);
    for (const body of ['{}', '{"a":1}']) await objects.put('a', Buffer.from(body), TYPE);
    expect(wire.asked.map(({ method, url, headers }) => [method, url, headers['content-length']])).toEqual([
      ['PUT', '/bkt/a', '2'],
      ['PUT', '/bkt/a', '7'],
    ]);
    const { headers } = wire.asked[0]!;
    expect(headers).toMatchObject({ 'content-type': TYPE, 'x-amz-security-token': TEMPORARY_KEY.sessionToken });
    expect(headers['x-amz-content-sha256']).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
    expect(headers.authorization).toContain('content-type;host;x-amz-content-sha256');
    expect(Object.keys(headers).filter((name) => /trailer|checksum|^transfer-encoding$/.test(name))).toEqual([]);
  });

  it.each([200, 201, 204])('a store that says %i has taken it', async (status) => {
    const wire = await startWire((response) => say(response, status, ''));
    await objectsAt(wire.url).put('a', Buffer.from('x'), TYPE);
    expect(wire.asked).toHaveLength(1);
  });

  it('says whose the bucket must be, and takes a refusal for one', async () => {
    const s3 = await s3ForTest({ accountId: '123456789012' });
    await objectsAt(s3.url, { owner: '123456789012' }).put('a', Buffer.from('x'), TYPE);
    const refused = objectsAt(s3.url, { owner: '999999999999' }).put('b', Buffer.from('x'), TYPE);
    expect(await rejection(refused)).toMatchObject({ status: 403, code: 'bucket-owner-refused' });
    expect(s3.endpoint.list('bkt', '').map(({ key }) => key)).toEqual(['a']);
  });

  it.each([-2, 2])('goes through when the clocks are %i hours apart', async (hours) => {
    const s3 = await s3ForTest({ now: () => Date.now() + hours * 3_600_000 });
    await objectsAt(s3.url).put('a', Buffer.from('x'), TYPE);
    await expect.poll(() => s3.log.map(({ error }) => error)).toEqual(['RequestTimeTooSkewed', undefined]);
  });

  it.each([
    [503, 'SlowDown', 3],
    [429, 'TooManyRequests', 3],
    [408, 'RequestTimeout', 3],
    [403, 'AccessDenied', 1],
    [404, 'NoSuchBucket', 1],
    [501, 'NotImplemented', 1],
  ])('%i %s: %i tries', async (status, code, tries) => {
    const fault: Fault = { status, code };
    let asked = 0;
    const s3 = await s3ForTest({ faults: () => (++asked > 0 ? fault : undefined) });
    const error = await rejection(objectsAt(s3.url).put('a', Buffer.from('x'), TYPE));
    expect([error, asked]).toMatchObject([{ status, s3Code: code }, tries]);
  });

  it('the second try has the body too', async () => {
    let asked = 0;
    const s3 = await s3ForTest({ faults: () => (++asked < 3 ? { status: 503, code: 'SlowDown' } : undefined) });
    await objectsAt(s3.url).put('a', Buffer.from('the body'), TYPE);
    expect(String(await s3.endpoint.get('bkt', 'a', 99))).toBe('the body');
  });

  it('goes to an endpoint with a path, and to the bucket in the host', async () => {
    resolveLocalNames();
    const s3 = await s3ForTest({ basePath: '/services/Walrus' });
    for (const url of [s3.url, s3.url.replace('127.0.0.1', '{bucket}.localhost')]) {
      await objectsAt(`${url}/services/Walrus`, { credentials: async () => KEY }).put('a b', Buffer.from(url), TYPE);
      expect(String(await s3.endpoint.get('bkt', 'a b', 99))).toBe(url);
    }
  });

  it.each([
    [301, 'PermanentRedirect', {}],
    [307, 'TemporaryRedirect', { location: '/bkt/a' }],
  ])('%i to another region is followed, with the body, signed for there', async (status, code, headers) => {
    const bodies: string[] = [];
    const wire = await startWire((response, request, count) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        bodies.push(Buffer.concat(chunks).toString());
        if (count === 1) say(response, status, errorXml(code), { ...headers, 'x-amz-bucket-region': 'ap-south-1' });
        else say(response, 200, '');
      });
    });
    await objectsAt(wire.url).put('a', Buffer.from('moved'), TYPE);
    const signed = wire.asked.map(({ headers }) => /\/(\w+-\w+-\d)\//.exec(`${headers.authorization}`)?.[1]);
    expect([bodies, signed]).toEqual([
      ['moved', 'moved'],
      [REGION, 'ap-south-1'],
    ]);
  });
});

describe('look', () => {
  it('has the object once, and again when it is another', async () => {
    const s3 = await s3ForTest();
    const objects = objectsAt(s3.url);
    expect(await rejection(objects.look('wake', undefined, 99))).toMatchObject({ status: 404, s3Code: 'NoSuchKey' });
    await objects.put('wake', Buffer.from('one'), TYPE);
    const first = await objects.look('wake', undefined, 99);
    expect(String(first?.body)).toBe('one');
    expect(await objects.look('wake', first?.etag, 99)).toBeUndefined();
    await objects.put('wake', Buffer.from('two'), TYPE);
    expect(String((await objects.look('wake', first?.etag, 99))?.body)).toBe('two');
    await expect.poll(() => s3.log.map(({ status }) => status)).toEqual([404, 200, 200, 304, 200, 200]);
  });

  it('reads no more than it may', async () => {
    const s3 = await s3ForTest();
    await s3.endpoint.put('bkt', 'wake', { bytes: Buffer.alloc(5_000_000) });
    expect(await rejection(objectsAt(s3.url).look('wake', undefined, 99))).toMatchObject({ code: 'answer-too-long' });
  });

  it('is not patient: two tries', async () => {
    const wire = await startWire((response) => say(response, 503, errorXml('SlowDown')));
    expect(await rejection(objectsAt(wire.url).look('wake', undefined, 99))).toMatchObject({ status: 503 });
    expect(wire.asked).toHaveLength(2);
  });
});
