import { describe, expect, it } from 'vitest';
import { parseErrorCode, parseListPage, unquote } from '../../src/aws/listing-xml.ts';
import { encodeListed } from '../../src/cloud/s3/list-objects.ts';
import { Chance } from '../support/chance.ts';

const contents = (fields: Readonly<Record<string, string | undefined>> = {}): string => {
  const all = { Key: 'k', LastModified: '2026-11-20T10:15:00.000Z', ETag: '&quot;e&quot;', Size: '5', ...fields };
  const lines = Object.entries(all).map(([name, text]) => (text === undefined ? '' : `<${name}>${text}</${name}>`));
  return `<Contents>${lines.join('')}<StorageClass>STANDARD</StorageClass></Contents>`;
};
const page = (inside: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bkt</Name><IsTruncated>false</IsTruncated>${inside}</ListBucketResult>\n`;
const URL_ENCODED = '<EncodingType>url</EncodingType>';
const keyOf = (xml: string): string | undefined => parseListPage(xml)?.objects[0]?.key;

describe('a page of a listing', () => {
  it('has objects, prefixes and the way on', () => {
    const prefixes =
      '<CommonPrefixes><Prefix>root/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>a&amp;b/</Prefix></CommonPrefixes>';
    const xml = page(contents() + contents({ Key: 'l', Size: '0' }) + prefixes)
      .replace('<IsTruncated>false', '<IsTruncated>true')
      .replace('<Name>', '<NextContinuationToken>1/a+b&amp;c=</NextContinuationToken><Name>');
    const lastModified = Date.UTC(2026, 10, 20, 10, 15);
    expect(parseListPage(xml)).toEqual({
      objects: [
        { key: 'k', size: 5, etag: 'e', lastModified },
        { key: 'l', size: 0, etag: 'e', lastModified },
      ],
      prefixes: ['root/', 'a&b/'],
      truncated: true,
      continuationToken: '1/a+b&c=',
      keyCount: undefined,
      nextMarker: undefined,
      last: 'l',
    });
  });

  it('may be empty, and pretty-printed', () => {
    expect(parseListPage(page(''))).toEqual({
      objects: [],
      prefixes: [],
      truncated: false,
      continuationToken: undefined,
      keyCount: undefined,
      nextMarker: undefined,
      last: undefined,
    });
    expect(parseListPage(page(contents().replaceAll('><', '>\n    <')))?.objects).toHaveLength(1);
  });

  it.each([
    ['a&amp;b', 'a&b'],
    ['&lt;&gt;&quot;&apos;', `<>"'`],
    ['&#65;&#x42;&#x1F9AD;', 'AB\u{1f9ad}'],
    ['&amp;lt;', '&lt;'],
    ['&unknown; & &#; &#x110000; &#9999999;', '&unknown; & &#; &#x110000; &#9999999;'],
    ['&constructor;&__proto__;&toString;', '&constructor;&__proto__;&toString;'],
    ['a%20b+c', 'a%20b+c'],
  ])('the key written %s is %s', (written, key) => {
    expect(keyOf(page(contents({ Key: written })))).toBe(key);
  });

  it.each([
    ['a%20b+c%2Bd', 'a b c+d'],
    ['%E4%B8%96/%F0%9F%A6%AD', '\u4e16/\u{1f9ad}'],
    ['a%0Ab', 'a\nb'],
    ['a%26amp%3B', 'a&amp;'],
    ['100%', '100%'],
    ['%ff', '%ff'],
  ])('under url encoding the key written %s is %j', (written, key) => {
    expect(keyOf(page(URL_ENCODED + contents({ Key: written })))).toBe(key);
  });

  it('a token is not url-encoded, a prefix is', () => {
    const xml = page(
      `${URL_ENCODED}<NextContinuationToken>a%20+b</NextContinuationToken><CommonPrefixes><Prefix>a%20b/</Prefix></CommonPrefixes>`,
    );
    expect(parseListPage(xml)).toMatchObject({ continuationToken: 'a%20+b', prefixes: ['a b/'] });
  });

  it('any key survives the way of the local endpoint', () => {
    const keys = [`!'()*~`, 'a+b c', '&lt;', '%41', '\u00e9\u{1f9ad}', '<Key>x</Key>', '</Contents>', ']]>', '\n\t"'];
    for (const key of keys) expect(keyOf(page(URL_ENCODED + contents({ Key: encodeListed(key) })))).toBe(key);
  });
});

describe('what is no listing', () => {
  it.each([
    ['', ''],
    ['HTML', '<html><body>It works!</body></html>'],
    ['an error document', '<Error><Code>AccessDenied</Code></Error>'],
    ['another answer', '<ListAllMyBucketsResult></ListAllMyBucketsResult>'],
    ['a cut-off one', page(contents()).slice(0, -30)],
    ['one with something behind it', `${page('')}<html>`],
    ['a document type', `<!DOCTYPE x [<!ENTITY a "aaaa">]>${page(contents({ Key: '&a;' }))}`],
    ['a document type in lower case', `<!doctype x>${page('')}`],
    ['CDATA', page(contents({ Key: '<![CDATA[k]]>' }))],
    ['an object without a key', page(contents({ Key: undefined }))],
    ['without a size', page(contents({ Size: undefined }))],
    ['an empty size', page(contents({ Size: '' }))],
    ['a negative size', page(contents({ Size: '-1' }))],
    ['a fraction', page(contents({ Size: '1.5' }))],
    ['a size beyond counting', page(contents({ Size: '99999999999999999999' }))],
    ['a hexadecimal size', page(contents({ Size: '0x10' }))],
    ['an exponent', page(contents({ Size: '1e3' }))],
    ['without a date', page(contents({ LastModified: undefined }))],
    ['a date that is none', page(contents({ LastModified: 'yesterday' }))],
    ['an object that does not end', page(contents().replace('</Contents>', ''))],
    ['a key that does not end', page(contents().replace('</Key>', ''))],
    ['a prefix that does not end', page('<CommonPrefixes><Prefix>a/</CommonPrefixes>')],
    ['an answer that does not say whether it ends', page('').replace('false</IsTruncated>', '')],
  ])('%s', (_, xml) => {
    expect(parseListPage(xml)).toBeUndefined();
  });
});

it('entity tags lose their quotes and nothing else', () => {
  const tags = ['"a"', 'W/"a"', 'a', '"a', '""', '', '"a"b"', 'abc-12'];
  expect(tags.map(unquote)).toEqual(['a', 'a', 'a', '"a', '', '', 'a"b', 'abc-12']);
});

it('an error code is a short word or nothing', () => {
  expect(parseErrorCode('<Error><Code>SlowDown</Code></Error>')).toBe('SlowDown');
  const others = [
    '',
    '<Code></Code>',
    '<Code>a b</Code>',
    `<Code>${'x'.repeat(65)}</Code>`,
    '<html>',
    '<Code>\u001b[2J</Code>',
  ];
  for (const text of others) expect(parseErrorCode(text)).toBeUndefined();
});

const PIECES = [
  ...['<Contents>', '</Contents>', '<Key>', '</Key>', '<Size>', '</Size>', '<Size>-1</Size>', '<ETag>', '</ETag>'],
  ...['<Prefix>', '</Prefix>', '<CommonPrefixes>', '</CommonPrefixes>', '</ListBucketResult>', '<ListBucketResult>'],
  ...['<LastModified>', '&#xD800;', '&#0;', '&lt;', '&', '%', '%zz', '%F0', '<!', ']]>', '__proto__', 'constructor'],
  ...[
    '<__proto__>',
    '<IsTruncated>true</IsTruncated>',
    URL_ENCODED,
    '\u0000',
    '\ud800',
    '9'.repeat(400),
    'NaN',
    ' ',
    '',
  ],
];

it('no mutation of a listing crashes the parser or reaches a prototype', { timeout: 60_000 }, () => {
  const random = new Chance();
  const cases = 20_000;
  const before = [Object.prototype, Array.prototype].map((each) => Object.getOwnPropertyNames(each).join());
  const whole = page(
    `${URL_ENCODED}${contents()}${contents({ Key: 'a%20b' })}<CommonPrefixes><Prefix>r/</Prefix></CommonPrefixes>`,
  );
  let read = 0;
  for (let i = 0; i < cases; i++) {
    let text = whole;
    for (let edits = 1 + random.below(4); edits > 0; edits--) {
      const from = random.below(text.length + 1);
      const to = random.below(3) ? from + random.below(12) : from + random.below(text.length);
      text = text.slice(0, from) + random.pick(PIECES) + text.slice(random.below(2) ? from : to);
    }
    const told = `seed ${random.seed}, case ${i}: ${JSON.stringify(text)}`;
    const parsed = parseListPage(text);
    if (!parsed) continue;
    read++;
    for (const { key, size, etag, lastModified } of parsed.objects) {
      const shaped = typeof key === 'string' && typeof etag === 'string' && Number.isSafeInteger(size) && size >= 0;
      expect(shaped && Number.isFinite(lastModified), told).toBe(true);
    }
    expect(
      parsed.prefixes.every((prefix) => typeof prefix === 'string'),
      told,
    ).toBe(true);
  }
  expect([Object.prototype, Array.prototype].map((each) => Object.getOwnPropertyNames(each).join())).toEqual(before);
  console.log(`listing-xml: ${cases} mutated documents, ${read} of them still listings, seed ${random.seed}`);
  expect(read).toBeGreaterThan(cases / 100);
});
