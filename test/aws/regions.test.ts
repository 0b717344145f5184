import { describe, expect, it } from 'vitest';
import { redirected, siteOf } from '../../src/aws/regions.ts';
import { resolveLocalNames } from '../support/local-names.ts';
import { MemorySink, readerAt, rejection, s3ForTest } from '../support/readers.ts';
import { TEMPORARY_KEY } from '../support/s3.ts';
import { errorXml, say, startWire } from '../support/wire.ts';

const AMAZON = { url: undefined, region: 'us-east-1' };
const OWN = { url: 'https://s3.example.org:8443/path', region: 'us-east-1' };

function follow(
  endpoint: typeof AMAZON | typeof OWN,
  answer: { status?: number; code?: string; headers?: Record<string, string>; document?: string },
) {
  const refusal = { status: 301, code: 'PermanentRedirect', headers: {}, document: '', ...answer };
  const next = redirected(siteOf(endpoint, 'bkt'), endpoint, 'bkt', refusal);
  return next && `${next.region} ${next.origin.protocol}//${next.origin.host}${next.origin.basePath}`;
}

describe('a redirect of Amazon', () => {
  const there = 'eu-west-1 https://bkt.s3.eu-west-1.amazonaws.com/';

  it.each([
    ['the header', { headers: { 'x-amz-bucket-region': 'eu-west-1' } }],
    ['the document', { document: '<Error><Region>eu-west-1</Region></Error>' }],
    ['the endpoint', { document: '<Error><Endpoint>bkt.s3-eu-west-1.amazonaws.com</Endpoint></Error>' }],
    [
      'the location',
      { status: 307, code: 'TemporaryRedirect', headers: { location: 'https://bkt.s3.eu-west-1.amazonaws.com/a' } },
    ],
    [
      'a refused signature',
      { status: 400, code: 'AuthorizationHeaderMalformed', document: '<Region>eu-west-1</Region>' },
    ],
    [
      'a host that is not Amazon\u2019s, beside the region',
      { headers: { location: 'https://evil.example/', 'x-amz-bucket-region': 'eu-west-1' } },
    ],
  ])('is followed by the region in %s, to a host of our own making', (_, answer) => {
    expect(follow(AMAZON, answer)).toBe(there);
    expect(follow({ url: 'https://s3.us-east-1.amazonaws.com', region: 'us-east-1' }, answer)).toBe(there);
  });

  it.each([
    ['names no region', {}],
    ['names the one we are in', { headers: { 'x-amz-bucket-region': 'us-east-1' } }],
    [
      'names what is no region',
      { headers: { 'x-amz-bucket-region': 'eu.evil.example/' }, document: '<Region>a b</Region>' },
    ],
    ['names another cloud', { headers: { 'x-amz-bucket-region': 'cn-north-1' } }],
    [
      'leads to a host that only looks like Amazon\u2019s',
      { headers: { location: 'https://s3.eu-west-1.amazonaws.com.evil.example/' } },
    ],
    ['is no redirect', { status: 403, code: 'AccessDenied', headers: { 'x-amz-bucket-region': 'eu-west-1' } }],
    ['is another 400', { status: 400, code: 'InvalidArgument', headers: { 'x-amz-bucket-region': 'eu-west-1' } }],
  ])('is not followed when it %s', (_, answer) => {
    expect(follow(AMAZON, answer)).toBeUndefined();
  });
});

describe('a redirect of a store of one\u2019s own', () => {
  const home = 'https://s3.example.org:8443/path/bkt/';

  it.each([
    ['the same host, another region', { 'x-amz-bucket-region': 'r2' }, `r2 ${home}`],
    [
      'a host below',
      { location: 'https://r2.s3.example.org:8443/x' },
      'us-east-1 https://r2.s3.example.org:8443/path/bkt/',
    ],
    [
      'the bucket in the host',
      { location: 'https://bkt.s3.example.org:8443/x' },
      'us-east-1 https://bkt.s3.example.org:8443/path/',
    ],
    ['a path only', { location: '/x', 'x-amz-bucket-region': 'r2' }, `r2 ${home}`],
  ])('is followed to %s', (_, headers, expected) => {
    expect(follow(OWN, { headers })).toBe(expected);
  });

  it.each([
    'http://s3.example.org:8443/',
    'http://r2.s3.example.org:8443/',
    'https://s3.example.org/',
    'https://s3.example.org:9/',
    'https://example.org:8443/',
    'https://evil-s3.example.org:8443/',
    'https://s3.example.org.evil.example:8443/',
    'https://s3.example.org:8443@evil.example:8443/',
    'https://169.254.169.254/latest/meta-data/',
    'https://s3.eu-west-1.amazonaws.com/',
    'ftp://s3.example.org/',
    'file:///etc/shadow',
    'http+unix://%2Frun%2Fdocker.sock/',
    '//evil.example:8443/',
  ])('is not followed to %s, whatever region it names', (location) => {
    expect(follow(OWN, { headers: { location, 'x-amz-bucket-region': 'r2' } })).toBeUndefined();
  });

  it('is not followed anywhere by a store that is an address, but to itself', () => {
    const address = { url: 'http://127.0.0.1:9000', region: 'us-east-1' };
    expect(follow(address, { headers: { location: 'http://127.0.0.1.evil.example:9000/' } })).toBeUndefined();
    expect(follow(address, { headers: { location: 'http://127.0.0.1:9000/x', 'x-amz-bucket-region': 'r2' } })).toBe(
      'r2 http://127.0.0.1:9000/bkt/',
    );
  });
});

describe('at the wire', () => {
  it('a wrong region is learnt from a real refusal, signed anew, and remembered', async () => {
    const s3 = await s3ForTest();
    await s3.endpoint.put('bkt', 'a', { bytes: Buffer.from('hello') });
    const reader = readerAt(s3.url, { endpoint: { url: s3.url, region: 'mars-1' } });
    const { objects } = await reader.list('', undefined);
    const sink = new MemorySink();
    await reader.read(objects[0]!, sink);
    expect([sink.text, reader.cost.requests]).toEqual(['hello', 3]);
    await expect
      .poll(() => s3.log.map(({ error }) => error))
      .toEqual(['AuthorizationHeaderMalformed', undefined, undefined]);
  });

  it('a bucket elsewhere is followed to a host of the same store, sixteen at once', async () => {
    resolveLocalNames();
    const wire = await startWire((response, { headers: { host = '', authorization } }) => {
      if (host.startsWith('eu.'))
        return say(response, 200, /\/(eu-[^/]*)\//.exec(authorization ?? '')?.[1] ?? 'unsigned');
      const location = `http://eu.${host}/bkt/a`;
      say(response, 307, errorXml('TemporaryRedirect'), { location, 'x-amz-bucket-region': 'eu-west-9' });
    });
    const reader = readerAt(wire.url.replace('127.0.0.1', 'localhost'));
    const read = async () => String(await reader.readSmall('a', 99));
    expect(await Promise.all(Array.from({ length: 16 }, read))).toEqual(Array(16).fill('eu-west-9'));
    const before = wire.asked.length;
    expect(await read()).toBe('eu-west-9');
    expect([before, wire.asked.length]).toEqual([32, 33]);
  });

  it('at most two are followed', async () => {
    const wire = await startWire((response, _, count) =>
      say(response, 301, errorXml('PermanentRedirect'), { 'x-amz-bucket-region': `r-${count}` }),
    );
    expect(await rejection(readerAt(wire.url).list('', undefined))).toMatchObject({
      code: 's3-PermanentRedirect',
      hint: expect.stringContaining('HAULOUT_REGION'),
    });
    expect(wire.asked).toHaveLength(3);
    expect(wire.asked.map(({ headers }) => /\/(r-\d|eu-west-1)\//.exec(headers.authorization ?? '')?.[1])).toEqual([
      'eu-west-1',
      'r-1',
      'r-2',
    ]);
  });

  it.each([301, 307])('a %i elsewhere takes nothing there: no request, no signature, no token', async (status) => {
    const elsewhere = await startWire((response) => say(response, 200, 'stolen'));
    const wire = await startWire((response) =>
      say(response, status, errorXml('TemporaryRedirect'), {
        location: `${elsewhere.url}/bkt/a`,
        'x-amz-bucket-region': 'r2',
      }),
    );
    const reader = readerAt(wire.url, { credentials: async () => TEMPORARY_KEY });
    expect(await rejection(reader.readSmall('a', 9))).toMatchObject({ status });
    expect([wire.asked.length, elsewhere.asked.length]).toEqual([1, 0]);
  });
});
