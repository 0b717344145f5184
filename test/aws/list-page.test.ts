import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readListPage } from '../../src/aws/list-page.ts';
import { parseListPage } from '../../src/aws/listing-xml.ts';
import { readerAt, s3ForTest } from '../support/readers.ts';
import { SEED } from '../support/seeded.ts';

const NONE: ReadonlySet<string> = new Set();

interface PageParts {
  readonly keys: readonly string[];
  readonly head?: string;
  readonly tail?: string;
  readonly size?: number;
}

function page({ keys, head = '<IsTruncated>false</IsTruncated>', tail = '', size = 1 }: PageParts): Buffer {
  const contents = keys.map(
    (key) =>
      `<Contents><Key>${key}</Key><LastModified>2026-11-20T12:00:00.000Z</LastModified><ETag>"e"</ETag><Size>${size}</Size></Contents>`,
  );
  return Buffer.from(`<ListBucketResult>${head}${contents.join('')}${tail}</ListBucketResult>`);
}

const printOf = (body: Buffer): string => readListPage(body, NONE)!.print;

describe('a page whose print is known', () => {
  it('is read like any other, whatever it holds', () => {
    const keys = fc.array(fc.stringMatching(/^[a-z/%+.]{1,12}$/), { maxLength: 5 });
    const heads = fc.constantFrom(
      '<IsTruncated>false</IsTruncated>',
      '<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>',
      '<KeyCount>3</KeyCount>',
    );
    const tails = fc.constantFrom('', '<IsTruncated>true</IsTruncated>', '<NextMarker>m</NextMarker>');
    const property = fc.property(keys, heads, tails, (names, head, tail) => {
      const body = page({ keys: names, head, tail });
      const { objects: expected, ...frame } = parseListPage(body.toString())!;
      for (const known of [NONE, new Set([printOf(body)])]) {
        const read = readListPage(body, known)!;
        expect(read).toMatchObject(frame);
        expect(read.objects()).toEqual(expected);
      }
    });
    fc.assert(property, { seed: SEED, numRuns: 300 });
  });

  it('says by version 1 where the next one begins', () => {
    const body = page({ keys: ['a', 'b', 'c'], head: '<IsTruncated>true</IsTruncated>' });
    expect(readListPage(body, new Set([printOf(body)]))).toMatchObject({ truncated: true, last: 'c' });
  });

  it('is not one any more when its end is missing, or its frame is no page', () => {
    const known = new Set([printOf(page({ keys: ['a', 'b'] }))]);
    expect(readListPage(page({ keys: ['a', 'b'], head: '<!DOCTYPE x>' }), known)).toBeUndefined();
    expect(readListPage(page({ keys: ['a', 'b'] }).subarray(0, -5), known)).toBeUndefined();
  });
});

it('a print is that of the objects and their encoding, not of the way on', () => {
  const keys = ['a', 'b'];
  const token = '<IsTruncated>true</IsTruncated><NextContinuationToken>another</NextContinuationToken>';
  expect(printOf(page({ keys, head: token }))).toBe(printOf(page({ keys })));
  const others = [{ keys: ['a'] }, { keys: ['a', 'c'] }, { keys, size: 2 }, { keys: [] }];
  const encoded = { keys, head: '<EncodingType>url</EncodingType>' };
  expect(new Set([{ keys }, encoded, ...others].map((parts) => printOf(page(parts)))).size).toBe(6);
});

it('a listing of three pages has the prints of three, and by them the same objects', async () => {
  const s3 = await s3ForTest();
  for (let i = 0; i < 2_500; i++) await s3.endpoint.put('bkt', `root/${i}`, { bytes: Buffer.from('x') });
  const reader = readerAt(s3.url);
  const first = await reader.list('root/', undefined);
  expect([first.prints.length, first.objects.length]).toEqual([3, 2_500]);
  const second = await reader.list('root/', undefined, new Set(first.prints));
  expect(second.prints).toEqual(first.prints);
  expect(second.objects).toEqual(first.objects);

  await s3.endpoint.put('bkt', 'root/1500', { bytes: Buffer.from('other') });
  const third = await reader.list('root/', undefined, new Set(first.prints));
  expect(third.prints.filter((print) => !first.prints.includes(print))).toHaveLength(1);
  expect(third.objects.find(({ key }) => key === 'root/1500')?.size).toBe(5);
});
