import { describe, expect, it } from 'vitest';
import { authorization, canonicalQuery } from '../../src/aws/sigv4.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { VirtualClock } from '../support/clock.ts';
import { MemorySink, readerAt, rejection, s3ForTest } from '../support/readers.ts';
import { KEY, REGION, TEMPORARY_KEY } from '../support/s3.ts';
import { say, startWire } from '../support/wire.ts';

const bytes = (text: string) => ({ bytes: Buffer.from(text) });
const page = (inside: string) => `<ListBucketResult><IsTruncated>false</IsTruncated>${inside}</ListBucketResult>`;
const listed = (key: string, size: number, etag: string) =>
  `<Contents><Key>${key}</Key><Size>${size}</Size><ETag>${etag}</ETag><LastModified>2026-11-20T10:15:00Z</LastModified></Contents>`;

describe('who reads', () => {
  it('with keys, every request is signed', async () => {
    const s3 = await s3ForTest();
    await s3.endpoint.put('bkt', 'a', bytes('hello'));
    const reader = readerAt(s3.url);
    const { objects } = await reader.list('', undefined);
    const sink = new MemorySink();
    await reader.read(objects[0]!, sink);
    expect([sink.text, sink.restarts]).toEqual(['hello', 1]);
    await expect
      .poll(() => s3.log.map((entry) => [entry.operation, entry.status, entry.accessKeyId]))
      .toEqual([
        ['ListObjectsV2', 200, KEY.accessKeyId],
        ['GetObject', 200, KEY.accessKeyId],
      ]);
    expect(reader.cost.requests).toBe(2);
    expect(reader.cost.bytes).toBe(s3.log.reduce((sum, entry) => sum + entry.bytesOut, 0));
  });

  it('with a session token, the token is sent and signed', async () => {
    const s3 = await s3ForTest();
    await s3.endpoint.put('bkt', 'a', bytes('hello'));
    const reader = readerAt(s3.url, { credentials: async () => TEMPORARY_KEY });
    expect((await reader.readSmall('a', 10))?.toString()).toBe('hello');
    await expect.poll(() => s3.log[0]?.accessKeyId).toBe(TEMPORARY_KEY.accessKeyId);
  });

  it('without keys, nothing is signed: an open bucket is read, another says who may', async () => {
    const open = await s3ForTest({ anonymousRead: true });
    await open.endpoint.put('bkt', 'a', bytes('hello'));
    const reader = readerAt(open.url, { credentials: async () => undefined });
    expect((await reader.list('', undefined)).objects).toHaveLength(1);
    expect((await reader.readSmall('a', 10))?.toString()).toBe('hello');
    await expect.poll(() => open.log.length).toBe(2);
    expect(open.log.some((entry) => 'accessKeyId' in entry)).toBe(false);
    const closed = await s3ForTest();
    const refused = readerAt(closed.url, { credentials: async () => undefined }).list('', undefined);
    expect(await rejection(refused)).toMatchObject({ code: 's3-AccessDenied', status: 403 });
    await expect.poll(() => closed.log.length).toBe(1);
  });
});

describe('a listing', () => {
  it('of more than a page is read to its end, in order and without repetition', async () => {
    const s3 = await s3ForTest();
    const keys = Array.from({ length: 2_345 }, (_, i) => `root/${String(i).padStart(5, '0')}`);
    for (let i = 0; i < keys.length; i += 50)
      await Promise.all(keys.slice(i, i + 50).map((key) => s3.endpoint.put('bkt', key, bytes(key))));
    const reader = readerAt(s3.url);
    const { objects, prefixes } = await reader.list('root/', undefined);
    expect(objects.map(({ key }) => key)).toEqual(keys);
    expect([prefixes, reader.cost.requests]).toEqual([[], 3]);
  });

  it('with a delimiter shows what lies deeper as prefixes', async () => {
    const s3 = await s3ForTest();
    for (const key of ['p/haulout.ini', 'p/root/a', 'p/root/b/c', 'p/services/x', 'q/root/a'])
      await s3.endpoint.put('bkt', key, bytes(''));
    const { objects, prefixes } = await readerAt(s3.url).list('p/', '/');
    expect(objects.map(({ key }) => key)).toEqual(['p/haulout.ini']);
    expect(prefixes).toEqual(['p/root/', 'p/services/']);
  });

  it('of an empty prefix is empty', async () => {
    const s3 = await s3ForTest();
    expect(await readerAt(s3.url).list('nothing/', undefined)).toMatchObject({ objects: [], prefixes: [] });
  });
});

it('odd keys are listed as they are and read by what was listed', async () => {
  const odd = [
    'a b',
    'a+b',
    'a%20b',
    '100%',
    `q?x=1&y=#z`,
    `'(!)*~`,
    '"<&>"',
    '\u00e9',
    '\u4e16/\u{1f9ad}',
    'a//b',
    '../x',
    'dir/',
    'tab\tx',
  ];
  const s3 = await s3ForTest();
  for (const key of odd) await s3.endpoint.put('bkt', key, bytes(`content of ${key}`));
  const reader = readerAt(s3.url);
  const { objects } = await reader.list('', undefined);
  expect(objects.map(({ key }) => key).sort()).toEqual([...odd].sort());
  for (const object of objects) {
    const sink = new MemorySink();
    await reader.read(object, sink);
    expect(sink.text).toBe(`content of ${object.key}`);
  }
});

describe('what is read is what was listed', () => {
  it('an object that changed in between is refused by its entity tag, and nothing is handed over', async () => {
    const s3 = await s3ForTest();
    await s3.endpoint.put('bkt', 'a', bytes('first'));
    const reader = readerAt(s3.url);
    const { objects } = await reader.list('', undefined);
    await s3.endpoint.put('bkt', 'a', bytes('other'));
    const sink = new MemorySink();
    expect(await rejection(reader.read(objects[0]!, sink))).toMatchObject({ code: 's3-PreconditionFailed' });
    expect(sink.written).toBe(0);
    const requests = () => s3.log.filter((entry) => entry.operation === 'GetObject').length;
    await expect.poll(requests).toBe(2); // with the tag in quotes, and without: which of them this store compares is not known
    await reader.read((await reader.list('', undefined)).objects[0]!, new MemorySink());
    expect(await rejection(reader.read(objects[0]!, sink))).toMatchObject({ code: 's3-PreconditionFailed' });
    await expect.poll(requests).toBe(4);
  });

  it('an object that is gone is NoSuchKey', async () => {
    const s3 = await s3ForTest();
    const gone = { key: 'gone', etag: 'e', size: 1 };
    expect(await rejection(readerAt(s3.url).read(gone, new MemorySink()))).toMatchObject({ code: 's3-NoSuchKey' });
  });

  it.each([
    ['another entity tag', 5, { etag: '"other"' }],
    ['a longer body', 4, { etag: '"e"' }],
    ['a longer body and no entity tag', 4, {}],
  ])('a store that ignores If-Match and sends %s is not believed', async (_, size, headers) => {
    const wire = await startWire((response) => say(response, 200, 'other', headers));
    const sink = new MemorySink();
    const read = readerAt(wire.url).read({ key: 'a', etag: 'e', size }, sink);
    expect(await rejection(read)).toMatchObject({ code: 's3-PreconditionFailed' });
    expect(sink.most).toBeLessThanOrEqual(size);
    expect(wire.asked.map(({ headers }) => headers['if-match'])).toEqual(['"e"']);
  });

  it('a store that compares tags without quotes is read, by one request more, once', async () => {
    const s3 = await s3ForTest({ ifMatch: 'bare' });
    for (const key of ['a', 'b']) await s3.endpoint.put('bkt', key, bytes(`text of ${key}`));
    const reader = readerAt(s3.url);
    const { objects } = await reader.list('', undefined);
    for (const object of objects) {
      const sink = new MemorySink();
      await reader.read(object, sink);
      expect(sink.text).toBe(`text of ${object.key}`);
    }
    expect(reader.cost.requests).toBe(4);
    await s3.endpoint.put('bkt', 'a', bytes('TEXT of a'));
    expect(await rejection(reader.read(objects[0]!, new MemorySink()))).toMatchObject({
      code: 's3-PreconditionFailed',
    });
    expect(reader.cost.requests).toBe(5);
  });

  it('and so are many objects at once, while that is being found out', async () => {
    let requests = 0;
    // The first answers are late: the others learn the form meanwhile.
    const s3 = await s3ForTest({ ifMatch: 'bare', faults: () => (requests++ < 3 ? { stallMs: 100 } : undefined) });
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
    for (const key of keys) await s3.endpoint.put('bkt', key, bytes(key));
    const reader = readerAt(s3.url);
    const { objects } = await reader.list('', undefined);
    await Promise.all(objects.map((object) => reader.read(object, new MemorySink())));
  });

  it.each([
    ['no tag', {}],
    ['another tag', { etag: '"other"' }],
  ])(
    'a store that only seems to (it ignores what it cannot read) and answers with %s is not believed',
    async (_, headers) => {
      const wire = await startWire((response, { headers: { 'if-match': tag } }) =>
        tag === '"e"' ? say(response, 412, '') : say(response, 200, 'other', headers),
      );
      const sink = new MemorySink();
      const read = readerAt(wire.url).read({ key: 'a', etag: 'e', size: 5 }, sink);
      expect(await rejection(read)).toMatchObject({ code: 's3-PreconditionFailed' });
      expect([sink.written, wire.asked.length]).toEqual([0, 2]);
    },
  );

  it('a body without end is cut where the listing said', async () => {
    const wire = await startWire((response) => {
      const more = () => response.write(Buffer.alloc(65_536)) && setImmediate(more);
      response.on('drain', more);
      more();
    });
    const sink = new MemorySink();
    const read = readerAt(wire.url).read({ key: 'a', etag: '', size: 100_000 }, sink);
    expect(await rejection(read)).toMatchObject({ code: 's3-PreconditionFailed' });
    expect(sink.most).toBeLessThanOrEqual(100_000);
  });

  it('a store that lists no entity tags is read without one', async () => {
    const wire = await startWire((response) => say(response, 200, 'hello', { etag: '"whatever"' }));
    const sink = new MemorySink();
    await readerAt(wire.url).read({ key: 'a', etag: '', size: 5 }, sink);
    expect([sink.text, wire.asked[0]?.headers['if-match']]).toEqual(['hello', undefined]);
  });
});

describe('a small object', () => {
  it('is read whole, or is not there', async () => {
    const s3 = await s3ForTest();
    await s3.endpoint.put('bkt', 'a', bytes('hello'));
    const reader = readerAt(s3.url);
    expect((await reader.readSmall('a', 5))?.toString()).toBe('hello');
    expect(await reader.readSmall('b', 5)).toBeUndefined();
  });

  it('over the limit is refused, and a missing bucket is not a missing object', async () => {
    const s3 = await s3ForTest();
    await s3.endpoint.put('bkt', 'a', bytes('hello'));
    expect(await rejection(readerAt(s3.url).readSmall('a', 4))).toMatchObject({ code: 'answer-too-long' });
    const other = readerAt(s3.url, { bucket: 'other' }).readSmall('a', 5);
    expect(await rejection(other)).toMatchObject({ code: 's3-NoSuchBucket' });
  });
});

/*
 * A Walrus at the wire, below a path. What it is not: a store; it holds one object, and it checks nothing but that each
 * request's signature covers the path, query and headers as they were sent.
 */
it('an endpoint with a path is asked below it, and the signature covers that path', async () => {
  const base = '/services/Walrus/bkt/';
  const verdicts: boolean[] = [];
  const wire = await startWire((response, request) => {
    const [path = '', search = ''] = (request.url ?? '').split('?');
    const query = [...new URLSearchParams(search)];
    const claimed = request.headers['authorization'] ?? '';
    const names = /SignedHeaders=([^,]*)/.exec(claimed)?.[1]?.split(';') ?? [];
    const headers = Object.fromEntries(names.map((name) => [name, String(request.headers[name])]));
    const payloadHash = headers['x-amz-content-sha256'] ?? '';
    const signable = { method: 'GET', path, query, headers, payloadHash };
    verdicts.push(claimed === authorization(signable, { region: REGION, service: 's3' }, KEY));
    if (path === base) return say(response, 200, page(listed('p/a b', 5, '"e"')));
    say(response, path === `${base}p/a%20b` ? 200 : 404, 'hello');
  });
  const reader = readerAt(`${wire.url}/services/Walrus/`, {
    endpoint: { url: `${wire.url}/services/Walrus/`, region: REGION },
  });
  const { objects } = await reader.list('p/', '/');
  const sink = new MemorySink();
  await reader.read(objects[0]!, sink);
  expect([sink.text, verdicts]).toEqual(['hello', [true, true]]);
  expect(wire.asked[0]?.url).toBe(
    `${base}?${canonicalQuery([
      ['list-type', '2'],
      ['encoding-type', 'url'],
      ['prefix', 'p/'],
      ['delimiter', '/'],
    ])}`,
  );
  expect(wire.asked[0]?.headers.host).toBe(new URL(wire.url).host);
});

it('connections are kept: thirty objects come over no more than the reader may open', async () => {
  const sockets = new Set<unknown>();
  const wire = await startWire((response, request) => {
    sockets.add(request.socket);
    say(response, 200, 'hello');
  });
  const reader = readerAt(wire.url, { connections: 3 });
  const all = Array.from({ length: 30 }, (_, i) => reader.read({ key: `${i}`, etag: '', size: 5 }, new MemorySink()));
  await Promise.all(all);
  expect([wire.asked.length, sockets.size]).toEqual([30, 3]);
});

it('the time of the store is known by its last answer, a refusal too', async () => {
  const clock = new VirtualClock();
  const s3 = await s3ForTest({ now: () => clock.now() });
  const reader = readerAt(s3.url, { clock: { ...systemClock, now: () => clock.now() } });
  expect(reader.serverDate).toBeUndefined();
  await reader.readSmall('none', 1);
  const first = clock.now();
  expect(reader.serverDate).toBe(first);
  clock.advance(90_000);
  await reader.list('', undefined);
  expect(reader.serverDate).toBe(first + 90_000);
});
