import { describe, expect, it } from 'vitest';
import { readerAt, rejection, s3ForTest } from '../support/readers.ts';
import { say, startWire } from '../support/wire.ts';

const bytes = (text: string) => ({ bytes: Buffer.from(text) });
const keysOf = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `root/${String(from + i).padStart(4, '0')}`);
const entry = (key: string) =>
  `<Contents><Key>${key}</Key><Size>1</Size><ETag>e</ETag><LastModified>2026-11-20T10:15:00Z</LastModified></Contents>`;
const page = (inside: string, truncated: boolean) =>
  `<ListBucketResult><IsTruncated>${truncated}</IsTruncated>${inside}</ListBucketResult>`;

describe('a store that only knows ListObjectsV1', () => {
  it('is known by its first cut-off page, read to the end, and asked by version 1 from then on', async () => {
    const s3 = await s3ForTest({ listing: 'v1-only', pageKeys: 100 });
    const keys = keysOf(0, 250);
    for (const key of keys) await s3.endpoint.put('bkt', key, bytes(key));
    const reader = readerAt(s3.url);
    for (const _ of [1, 2]) expect((await reader.list('', undefined)).objects.map(({ key }) => key)).toEqual(keys);
    expect(reader.cost.requests).toBe(6);
    await expect.poll(() => s3.log.map(({ operation }) => operation)).toEqual(Array(6).fill('ListObjects'));
  });

  it('is asked with list-type=2 once, and never after it was known', async () => {
    const wire = await startWire((response, { url = '' }) => {
      const marker = new URL(url, 'http://x').searchParams.get('marker');
      say(response, 200, page(entry(marker === null ? 'a' : 'b'), marker === null));
    });
    const reader = readerAt(wire.url);
    for (const _ of [1, 2])
      expect((await reader.list('', undefined)).objects.map(({ key }) => key)).toEqual(['a', 'b']);
    const queries = wire.asked.map(({ url }) => url.replace(/^.*\?/, ''));
    expect(queries).toEqual([
      'encoding-type=url&list-type=2&prefix=',
      'encoding-type=url&marker=a&prefix=',
      'encoding-type=url&prefix=',
      'encoding-type=url&marker=a&prefix=',
    ]);
  });

  it('names the next marker itself, encoded as its keys are', async () => {
    const wire = await startWire((response, _, count) => {
      const next = '<EncodingType>url</EncodingType><NextMarker>a%2Bb+c</NextMarker>';
      say(response, 200, page(count === 1 ? `${next}${entry('a')}` : entry('z'), count === 1));
    });
    expect((await readerAt(wire.url).list('', undefined)).objects).toHaveLength(2);
    expect(new URL(wire.asked[1]!.url, 'http://x').searchParams.get('marker')).toBe('a+b c');
  });

  it('a group that comes again because the marker stood inside it is one group', async () => {
    const group = '<CommonPrefixes><Prefix>root/</Prefix></CommonPrefixes>';
    const wire = await startWire((response, _, count) =>
      say(response, 200, page(count === 1 ? group : group + entry('z'), count === 1)),
    );
    expect(await readerAt(wire.url).list('', '/')).toMatchObject({ prefixes: ['root/'], objects: [{ key: 'z' }] });
  });

  it('that does not hear markers either goes round in a circle, and that is said', async () => {
    const wire = await startWire((response) => say(response, 200, page(entry('a'), true)));
    expect(await rejection(readerAt(wire.url).list('', undefined))).toMatchObject({
      code: 'listing-unreadable',
      reason: expect.stringContaining('circle'),
    });
    expect(wire.asked).toHaveLength(2);
  });
});

it('a page of version 2 that is cut off without a token is no listing, whatever its keys', async () => {
  const wire = await startWire((response) => say(response, 200, page(`<KeyCount>1</KeyCount>${entry('a')}`, true)));
  expect(await rejection(readerAt(wire.url).list('', undefined))).toMatchObject({
    code: 'listing-unreadable',
    reason: expect.stringContaining('without a way on'),
  });
  expect(wire.asked).toHaveLength(1);
});
