import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amzDate, signingKey } from '../../src/aws/sigv4.ts';
import { newHash } from '../../src/cloud/s3/checksums.ts';
import { type ChunkSigning, decodeChunked, type Framing, type Trailers } from '../../src/cloud/s3/decode-chunked.ts';
import { compareKeys } from '../../src/cloud/s3/key-order.ts';
import { encodeListed } from '../../src/cloud/s3/list-objects.ts';
import { listPage } from '../../src/cloud/s3/listing.ts';
import { parseXml } from '../../src/cloud/s3/parse-xml.ts';
import { element } from '../../src/cloud/s3/xml.ts';

describe('checksums', () => {
  // The check values of the catalogue of parametrised CRC algorithms, for the text 123456789.
  it.each([
    ['CRC32', 'cbf43926'],
    ['CRC32C', 'e3069283'],
    ['CRC64NVME', 'ae8b14860a799888'],
  ] as const)('%s', (algorithm, hex) => {
    const hash = newHash(algorithm);
    hash.update(Buffer.from('12345'));
    hash.update(Buffer.from('6789'));
    expect(hash.digest().toString('hex')).toBe(hex);
  });
});

describe('a page of a listing', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\uffee', '😀'), minLength: 1, maxLength: 6 });

  it('orders keys as their UTF-8 bytes', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });

  it('after page holds every key or its group once, in order, as grouping them all would', () => {
    const prefix = fc.constantFrom('', 'a', 'a/', 'a/b', '/');
    const delimiter = fc.constantFrom('', '/', 'b', '//');
    fc.assert(
      fc.property(
        fc.uniqueArray(key),
        prefix,
        delimiter,
        fc.integer({ min: 1, max: 4 }),
        (keys, prefix, delimiter, maxKeys) => {
          const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
          const found: string[] = [];
          let after: string | undefined = '';
          while (after !== undefined) {
            const page = listPage(sorted, { prefix, delimiter, after, maxKeys });
            const entries = [...page.keys, ...page.commonPrefixes].sort(compareKeys);
            expect(entries.length).toBeLessThanOrEqual(maxKeys);
            found.push(...entries);
            expect(page.next).not.toBe(after);
            after = page.next;
          }
          expect(found).toEqual(grouped(sorted, prefix, delimiter));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  function grouped(sorted: readonly string[], prefix: string, delimiter: string): string[] {
    const names = sorted
      .filter((each) => each.startsWith(prefix))
      .map((each) => {
        const end = delimiter === '' ? -1 : each.indexOf(delimiter, prefix.length);
        return end < 0 ? each : each.slice(0, end + delimiter.length);
      });
    return [...new Set(names)];
  }

  it('writes keys as S3 does under encoding-type=url', () => {
    expect(encodeListed("a b+c/é*~'(1)!%")).toBe('a+b%2Bc/%C3%A9*%7E%27%281%29%21%25');
  });
});

describe('XML', () => {
  it('reads back any text it writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseXml(element('Key', text)).text).toBe(text);
      }),
    );
  });

  it('reads namespaces, attributes, CDATA, comments and a declaration', () => {
    const document = parseXml(
      '<?xml version="1.0"?><!-- c --><s:Delete xmlns:s="http://s3.amazonaws.com/doc/2006-03-01/"><Key a=\'>\'>x<![CDATA[<&]]></Key><Quiet/></s:Delete>',
    );
    expect(document.name).toBe('Delete');
    expect(document.children.map(({ name, text }) => [name, text])).toEqual([
      ['Key', 'x<&'],
      ['Quiet', ''],
    ]);
  });
});

/** The published examples: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html */
describe('aws-chunked', () => {
  const date = amzDate(Date.UTC(2013, 4, 24));
  const scope = { region: 'us-east-1', service: 's3' };
  const signing = (seed: string): ChunkSigning => ({
    key: signingKey('20130524', scope, 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
    date,
    scope: '20130524/us-east-1/s3/aws4_request',
    seed,
  });
  const plain: Framing = {
    signing: signing('4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9'),
    trailer: false,
  };
  const body = [
    '10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n',
    'a'.repeat(65_536),
    '\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n',
    'a'.repeat(1_024),
    '\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n',
  ].join('');
  const trailing: Framing = {
    signing: signing('106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e'),
    trailer: true,
  };
  const trailingBody = [
    '10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n',
    'a'.repeat(65_536),
    '\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n',
    'a'.repeat(1_024),
    '\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n',
    'x-amz-checksum-crc32c:sOO8/Q==\n\r\n',
    'x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n',
  ].join('');

  async function decode(text: string, framing: Framing, pieceSize = 10_000) {
    const bytes = Buffer.from(text);
    async function* pieces() {
      for (let at = 0; at < bytes.length; at += pieceSize) yield bytes.subarray(at, at + pieceSize);
    }
    const trailers: Trailers = new Map();
    const chunks: Buffer[] = [];
    for await (const chunk of decodeChunked(pieces(), framing, trailers)) chunks.push(chunk);
    return { text: Buffer.concat(chunks).toString(), trailers };
  }

  it.each([1, 7, 65_536, 1_000_000])('signed chunks, in pieces of %i bytes', async (size) => {
    expect((await decode(body, plain, size)).text).toBe('a'.repeat(66_560));
  });

  it('signed chunks with a signed trailer', async () => {
    const { text, trailers } = await decode(trailingBody, trailing);
    expect([text.length, trailers.get('x-amz-checksum-crc32c')]).toEqual([66_560, 'sOO8/Q==']);
  });

  it('no byte may be other than was signed', async () => {
    const changes: [string, Framing][] = [
      [body.replace('aaaa', 'aaab'), plain],
      [body.replace('b6c6ea8a', '00000000'), plain],
      [body.replace(/;chunk-signature=[0-9a-f]{64}/, ''), plain],
      [trailingBody.replace('sOO8', 'sOO9'), trailing],
      [trailingBody.replace('d81f82fc', '00000000'), trailing],
      [trailingBody.replace(/x-amz-trailer-signature.*/, ''), trailing],
    ];
    for (const [text, framing] of changes) await expect(decode(text, framing)).rejects.toMatchObject({ status: 403 });
  });

  it('refuses what breaks off or is no framing', async () => {
    const unsigned: Framing = { signing: undefined, trailer: true };
    expect((await decode('3\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n', unsigned)).text).toBe(
      'hello',
    );
    for (const text of ['', '3', '3\r\nhe', '3\r\nhel\r\n']) {
      await expect(decode(text, unsigned)).rejects.toMatchObject({ code: 'IncompleteBody' });
    }
    for (const text of ['hello\r\n', '3\r\nhello\r\n', '-1\r\n\r\n', '0\r\nno colon\r\n', 'x'.repeat(9_000)]) {
      await expect(decode(text, unsigned)).rejects.toMatchObject({ code: 'InvalidRequest' });
    }
  });
});
