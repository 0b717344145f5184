import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BucketWriter, statusOf } from '../../src/aws/write.ts';
import type { Fault } from '../../src/cloud/s3/faults.ts';
import { resolveLocalNames } from '../support/local-names.ts';
import { rejection, s3ForTest } from '../support/readers.ts';
import { KEY, REGION } from '../support/s3.ts';
import { errorXml, say, startWire } from '../support/wire.ts';

function writerAt(url: string, credentials = KEY, silentMs?: number): BucketWriter {
  const silence = silentMs === undefined ? {} : { silentMs };
  const writer = new BucketWriter({ endpoint: { url, region: REGION }, credentials, ...silence });
  onTestFinished(() => writer.close());
  return writer;
}

describe('put', () => {
  it('writes what can be read back, with its type', async () => {
    const s3 = await s3ForTest();
    const writer = writerAt(s3.url);
    const how = { contentType: 'application/json' };
    expect(await writer.put('bkt', 'a/b c+d', Buffer.from('{}'), how)).toBe('written');
    expect(Buffer.from((await writer.get('bkt', 'a/b c+d', 10))!).toString()).toBe('{}');
    expect(await fetchType(s3.url, 'a/b c+d')).toBe('application/json');
  });

  it('replaces, unless it may only create: then it says exists and leaves what is there', async () => {
    const s3 = await s3ForTest();
    const writer = writerAt(s3.url);
    const put = (text: string, createOnly: boolean) => writer.put('bkt', 'a', Buffer.from(text), { createOnly });
    const results = [await put('1', true), await put('2', true), await put('3', false), await put('4', true)];
    expect(results).toEqual(['written', 'exists', 'written', 'exists']);
    expect(Buffer.from((await s3.endpoint.get('bkt', 'a', 9))!).toString()).toBe('3');
  });

  it('of two that may only create, one writes', async () => {
    const s3 = await s3ForTest();
    const put = (text: string) => writerAt(s3.url).put('bkt', 'a', Buffer.from(text), { createOnly: true });
    const results = await Promise.all(['1', '2', '3', '4'].map(put));
    expect(results.sort()).toEqual(['exists', 'exists', 'exists', 'written']);
  });

  it('goes to an endpoint with a path, and to the bucket in the host', async () => {
    resolveLocalNames();
    const s3 = await s3ForTest({ basePath: '/services/Walrus' });
    const inHost = s3.url.replace('127.0.0.1', '{bucket}.localhost');
    for (const url of [s3.url, inHost]) {
      const writer = writerAt(`${url}/services/Walrus`);
      await writer.put('bkt', 'a b', Buffer.from(url));
      expect(Buffer.from((await writer.get('bkt', 'a b', 99))!).toString()).toBe(url);
    }
    await expect.poll(() => s3.log.map(({ bucket, key }) => `${bucket} ${key}`)).toEqual(Array(4).fill('bkt a b'));
  });

  it('says whose the bucket must be, and takes a refusal for one', async () => {
    const s3 = await s3ForTest({ accountId: '123456789012' });
    for (const [owner, status] of [
      ['123456789012', undefined],
      ['999999999999', 403],
    ] as const) {
      const writer = new BucketWriter({ endpoint: { url: s3.url, region: REGION }, credentials: KEY, owner });
      onTestFinished(() => writer.close());
      const put = writer.put('bkt', 'a', Buffer.from('x')).catch((error: unknown) => statusOf(error));
      expect(await put).toBe(status ?? 'written');
    }
  });

  it.each([-2, 2])('writes when the clocks are %i hours apart', async (hours) => {
    const s3 = await s3ForTest({ now: () => Date.now() + hours * 3_600_000 });
    expect(await writerAt(s3.url).put('bkt', 'a', Buffer.from('x'))).toBe('written');
    await expect.poll(() => s3.log.map(({ error }) => error)).toEqual(['RequestTimeTooSkewed', undefined]);
  });

  it('a store that answers a condition with 501 is written to without one', async () => {
    const wire = await startWire((response, request) =>
      request.headers['if-none-match'] ? say(response, 501, errorXml('NotImplemented')) : say(response, 200, ''),
    );
    expect(await writerAt(wire.url).put('bkt', 'a', Buffer.from('x'), { createOnly: true })).toBe('written');
    expect(wire.asked.map(({ headers }) => headers['if-none-match'])).toEqual(['*', undefined]);
  });

  it('but a 501 without a condition, and a 412 that nobody asked for, are errors', async () => {
    for (const [status, createOnly] of [
      [501, false],
      [412, false],
      [403, true],
    ] as const) {
      const wire = await startWire((response) => say(response, status, errorXml('Refused')));
      const error = await rejection(writerAt(wire.url).put('bkt', 'a', Buffer.from('x'), { createOnly }));
      expect([statusOf(error), wire.asked.length]).toEqual([status, 1]);
    }
  });

  it('sends no checksum trailers, which older stores refuse', async () => {
    const wire = await startWire((response) => say(response, 200, ''));
    await writerAt(wire.url).put('bkt', 'a', Buffer.from('x'));
    const { headers } = wire.asked[0]!;
    expect(Object.keys(headers).filter((name) => /trailer|checksum|^transfer-encoding$/.test(name))).toEqual([]);
    expect(headers['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/);
  });

  it('tries again after passing trouble', async () => {
    let requests = 0;
    const fault: Fault = { status: 503, code: 'SlowDown' };
    const s3 = await s3ForTest({ faults: () => (++requests < 3 ? fault : undefined) });
    expect(await writerAt(s3.url).put('bkt', 'a', Buffer.from('x'))).toBe('written');
    expect(requests).toBe(3);
  });

  it('does not say the secret when it is refused', async () => {
    const s3 = await s3ForTest();
    const credentials = { ...KEY, secretAccessKey: 'a wrong secret of the tests' };
    const error = await rejection(writerAt(s3.url, credentials).put('bkt', 'a', Buffer.from('x')));
    expect(statusOf(error)).toBe(403);
    expect(inspect(error, { depth: 20 })).not.toContain('a wrong secret of the tests');
  });
});

describe('get', () => {
  it('has nothing where there is no such key, and an error where there is no such bucket', async () => {
    const s3 = await s3ForTest();
    expect(await writerAt(s3.url).get('bkt', 'none', 10)).toBeUndefined();
    expect(statusOf(await rejection(writerAt(s3.url).get('nobucket', 'none', 10)))).toBe(404);
  });

  it('refuses what is longer than the limit, and can go on', async () => {
    const s3 = await s3ForTest();
    await s3.endpoint.put('bkt', 'long', { bytes: Buffer.alloc(5_000_000) });
    await s3.endpoint.put('bkt', 'short', { bytes: Buffer.alloc(10) });
    const writer = writerAt(s3.url);
    expect(String(await rejection(writer.get('bkt', 'long', 10)))).toContain('larger than 10 bytes');
    expect((await writer.get('bkt', 'short', 10))?.length).toBe(10);
    await expect.poll(() => s3.log.find(({ key }) => key === 'long')?.error).toBe('ConnectionLost');
  });

  it('refuses what does not say its length and is longer than the limit', async () => {
    const wire = await startWire((response) => {
      const more = () => response.write(Buffer.alloc(65_536)) && setImmediate(more);
      response.on('drain', more);
      more();
    });
    expect(String(await rejection(writerAt(wire.url).get('bkt', 'a', 100_000)))).toContain('larger than 100000 bytes');
  });
});

async function fetchType(url: string, key: string): Promise<string | undefined> {
  const { S3Client, HeadObjectCommand } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ endpoint: url, region: REGION, forcePathStyle: true, credentials: KEY });
  const { ContentType } = await client.send(new HeadObjectCommand({ Bucket: 'bkt', Key: key }));
  client.destroy();
  return ContentType;
}

describe('a store that says nothing more', () => {
  const SILENT_MS = 200;

  it.each([
    ['after a request', () => undefined],
    ['in the middle of an answer', (response: ServerResponse) => void response.writeHead(200).write('half')],
  ])(
    '%s is not waited for without an end',
    async (_, answer) => {
      const { url, asked } = await startWire(answer);
      const writer = writerAt(url, KEY, SILENT_MS);
      const timedOut = { name: 'TimeoutError' };
      expect(await rejection(writer.get('bkt', 'a', 100))).toMatchObject(timedOut);
      expect(await rejection(writer.put('bkt', 'a', Buffer.from('x')))).toMatchObject(timedOut);
      expect(asked.length).toBeGreaterThan(1);
    },
    30_000,
  );
});
