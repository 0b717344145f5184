import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { amzDate, canonicalRequest, credentialScope, signature } from '../../src/aws/sigv4.ts';
import type { Fault } from '../../src/cloud/s3/faults.ts';
import { listen } from '../../src/cloud/s3/listen.ts';
import { S3Endpoint } from '../../src/cloud/s3/server.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { KEY, queryText, REGION, type RunningS3, raw, signed, signedHeaders, startS3 } from '../support/s3.ts';

let s3: RunningS3;
let fault: Fault | undefined;

beforeAll(async () => {
  s3 = await startS3({ maxBodyBytes: 1_000_000, faults: ({ key }) => (key === 'faulty' ? fault : undefined) });
});
afterAll(() => s3.close());
beforeEach(async () => {
  for (const { key } of s3.endpoint.list('bkt', '')) await s3.endpoint.delete('bkt', key);
  await s3.endpoint.put('bkt', 'k', { bytes: Buffer.from('hello') });
});

const ETAG = '"5d41402abc4b2a76b9719d911017c592"';
const get = (headers: Record<string, string>, path = '/bkt/k') => signed(s3.url, { path, headers });
const put = (headers: Record<string, string>, body = 'hello', path = '/bkt/new') =>
  signed(s3.url, { method: 'PUT', path, headers, body });

describe('who is let in', () => {
  const MINUTE = 60_000;

  it.each([
    ['the clock 16 minutes slow', { at: Date.now() - 16 * MINUTE }, 403, 'RequestTimeTooSkewed'],
    ['the clock 16 minutes fast', { at: Date.now() + 16 * MINUTE }, 403, 'RequestTimeTooSkewed'],
    ['another region', { region: 'us-east-1' }, 400, 'AuthorizationHeaderMalformed'],
    ['another secret', { key: { ...KEY, secretAccessKey: 'x' } }, 403, 'SignatureDoesNotMatch'],
    ['an unknown key', { key: { ...KEY, accessKeyId: 'x' } }, 403, 'InvalidAccessKeyId'],
    ['a token nobody gave', { key: { ...KEY, sessionToken: 'x' } }, 400, 'InvalidToken'],
  ])('%s', async (_, request, status, code) => {
    const reply = await signed(s3.url, request);
    expect([reply.status, reply.code]).toEqual([status, code]);
  });

  it('a clock 14 minutes off is', async () => {
    for (const minutes of [-14, 14]) {
      expect((await signed(s3.url, { at: Date.now() + minutes * MINUTE })).status).toBe(200);
    }
  });

  it('nobody without a signature, unless reading is open', async () => {
    expect((await raw(s3.url, { rawPath: '/bkt/k' })).code).toBe('AccessDenied');
    const open = await startS3({ anonymousRead: true });
    try {
      await open.endpoint.put('bkt', 'k', { bytes: Buffer.from('open') });
      expect((await raw(open.url, { rawPath: '/bkt/k' })).text).toBe('open');
      expect((await raw(open.url, { rawPath: '/bkt?list-type=2' })).text).toContain('<Key>k</Key>');
      const refused = [
        { rawPath: '/' },
        { rawPath: '/bkt?uploads' },
        { method: 'PUT', rawPath: '/bkt/x', body: 'x' },
        { method: 'DELETE', rawPath: '/bkt/k' },
      ];
      for (const request of refused) expect((await raw(open.url, request)).code).toBe('AccessDenied');
      expect((await raw(open.url, { rawPath: '/bkt/k?response-expires=0' })).code).toBe('InvalidRequest');
    } finally {
      await open.close();
    }
  });

  it('no key that has expired', async () => {
    const expiresAt = Date.now() + 60_000;
    let now = Date.now();
    const keys = () => ({ secretAccessKey: KEY.secretAccessKey, expiresAt });
    const expiring = await startS3({ keys, now: () => now });
    expect((await signed(expiring.url, {})).status).toBe(200);
    now = expiresAt;
    expect((await signed(expiring.url, {})).code).toBe('ExpiredToken');
    await expiring.close();
  });

  it.each([
    ['AWS AKIA:sig', 'InvalidRequest'],
    ['Bearer x', 'InvalidRequest'],
    ['AWS4-HMAC-SHA256 nonsense', 'AuthorizationHeaderMalformed'],
    ['AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00', 'AuthorizationHeaderMalformed'],
  ])('no %s', async (authorization, code) => {
    const headers = { authorization, 'x-amz-date': amzDate(Date.now()), 'x-amz-content-sha256': sha256('') };
    expect((await raw(s3.url, { rawPath: '/bkt/k', headers })).code).toBe(code);
  });

  it('no header that means something and was not signed', async () => {
    const headers = signedHeaders(s3.url, { method: 'PUT', path: '/bkt/new' });
    const added = { ...headers, 'x-amz-meta-a': 'added' };
    const reply = await raw(s3.url, { method: 'PUT', rawPath: '/bkt/new', headers: added });
    expect([reply.status, reply.code]).toEqual([403, 'AccessDenied']);
    expect(reply.text).toContain('<HeadersNotSigned>x-amz-meta-a</HeadersNotSigned>');
    expect((await raw(s3.url, { method: 'PUT', rawPath: '/bkt/new', headers })).status).toBe(200);
  });

  it('no body other than the one that was signed', async () => {
    const reply = await signed(s3.url, { method: 'PUT', path: '/bkt/new', body: 'evil', payloadHash: sha256('good') });
    expect(reply.code).toBe('XAmzContentSHA256Mismatch');
    expect(s3.endpoint.list('bkt', 'new')).toEqual([]);
  });
});

describe('a presigned URL', () => {
  function presign(path: string, more: Record<string, string> = {}, method = 'GET', at = Date.now()): string {
    const date = amzDate(at);
    const scope = { region: REGION, service: 's3' };
    const query = Object.entries({
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': `${KEY.accessKeyId}/${credentialScope(date, scope)}`,
      'X-Amz-Date': date,
      'X-Amz-Expires': '60',
      'X-Amz-SignedHeaders': 'host',
      ...more,
    });
    const headers = { host: new URL(s3.url).host };
    const canonical = canonicalRequest({ method, path, query, headers, payloadHash: 'UNSIGNED-PAYLOAD' }, ['host']);
    query.push(['X-Amz-Signature', signature(canonical, date, scope, KEY.secretAccessKey)]);
    return path + queryText(query);
  }

  it('reads, and says the answer is a download', async () => {
    const more = { 'response-content-disposition': 'attachment; filename="k"' };
    const reply = await raw(s3.url, { rawPath: presign('/bkt/k', more) });
    expect([reply.text, reply.headers['content-disposition']]).toEqual(['hello', 'attachment; filename="k"']);
  });

  it('writes, with metadata that moved into the query', async () => {
    const rawPath = presign('/bkt/new', { 'x-amz-meta-of': 'query' }, 'PUT');
    expect((await raw(s3.url, { method: 'PUT', rawPath, body: 'new' })).status).toBe(200);
    expect((await get({}, '/bkt/new')).headers['x-amz-meta-of']).toBe('query');
    const split = presign('/bkt/new', { 'x-amz-meta-of': 'a\r\nset-cookie: b' }, 'PUT');
    expect((await raw(s3.url, { method: 'PUT', rawPath: split, body: 'new' })).code).toBe('InvalidArgument');
  });

  it('ends', async () => {
    const late = await raw(s3.url, { rawPath: presign('/bkt/k', {}, 'GET', Date.now() - 61_000) });
    const early = await raw(s3.url, { rawPath: presign('/bkt/k', {}, 'GET', Date.now() + 16 * 60_000) });
    const long = await raw(s3.url, { rawPath: presign('/bkt/k', { 'X-Amz-Expires': '604801' }) });
    expect([late.code, early.code, long.code]).toEqual([
      'AccessDenied',
      'AccessDenied',
      'AuthorizationQueryParametersError',
    ]);
  });
});

describe('reading', () => {
  const PAST = 'Thu, 01 Jan 2015 00:00:00 GMT';
  const FUTURE = 'Fri, 01 Jan 2100 00:00:00 GMT';

  it.each([
    [{ 'if-none-match': ETAG }, 304],
    [{ 'if-none-match': '"other"' }, 200],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': ETAG.replaceAll('"', '') }, 304],
    [{ 'if-none-match': `"other", W/${ETAG}` }, 304],
    [{ 'if-match': ETAG }, 200],
    [{ 'if-match': '"other"' }, 412],
    [{ 'if-modified-since': FUTURE }, 304],
    [{ 'if-modified-since': PAST }, 200],
    [{ 'if-modified-since': 'no date' }, 200],
    [{ 'if-unmodified-since': PAST }, 412],
    [{ 'if-unmodified-since': FUTURE }, 200],
    [{ 'if-match': ETAG, 'if-unmodified-since': PAST }, 200],
    [{ 'if-none-match': '"other"', 'if-modified-since': FUTURE }, 200],
    [{ 'if-none-match': ETAG, 'if-modified-since': PAST }, 304],
    [{ 'if-match': '"other"', 'if-none-match': ETAG }, 412],
  ])('under the condition %j: %i', async (headers, status) => {
    const reply = await get(headers as Record<string, string>);
    expect(reply.status).toBe(status);
    if (status === 304)
      expect([reply.text, reply.headers.etag, reply.headers['content-length']]).toEqual(['', ETAG, undefined]);
    if (status === 412) expect(reply.code).toBe('PreconditionFailed');
  });

  it.each([
    ['bytes=0-0', 206, 'h', 'bytes 0-0/5'],
    ['bytes=1-3', 206, 'ell', 'bytes 1-3/5'],
    ['bytes=3-', 206, 'lo', 'bytes 3-4/5'],
    ['bytes=3-99', 206, 'lo', 'bytes 3-4/5'],
    ['bytes=-2', 206, 'lo', 'bytes 3-4/5'],
    ['bytes=-99', 206, 'hello', 'bytes 0-4/5'],
    ['bytes=5-', 416, undefined, 'bytes */5'],
    ['bytes=-0', 416, undefined, 'bytes */5'],
    ['bytes=3-1', 200, 'hello', undefined],
    ['bytes=0-0,2-3', 200, 'hello', undefined],
    ['lines=1-2', 200, 'hello', undefined],
  ])('the range %s: %i', async (range, status, text, contentRange) => {
    const reply = await get({ range });
    expect([reply.status, reply.headers['content-range']]).toEqual([status, contentRange]);
    if (text !== undefined) expect(reply.text).toBe(text);
    else expect(reply.code).toBe('InvalidRange');
  });

  it('resumes only the same object', async () => {
    expect((await get({ range: 'bytes=3-', 'if-range': ETAG })).text).toBe('lo');
    expect((await get({ range: 'bytes=3-', 'if-range': '"other"' })).text).toBe('hello');
  });

  it('HEAD is GET without the body, in its errors too', async () => {
    const head = await signed(s3.url, { method: 'HEAD', path: '/bkt/k' });
    expect([head.status, head.text, head.headers['content-length'], head.headers.etag]).toEqual([200, '', '5', ETAG]);
    for (const path of ['/bkt/absent', '/absent']) {
      const absent = await signed(s3.url, { method: 'HEAD', path });
      expect([absent.status, absent.text]).toEqual([404, '']);
    }
  });

  it('an object that is overwritten meanwhile is read to its end', async () => {
    const old = Buffer.alloc(8_000_000, 'o');
    await s3.endpoint.put('bkt', 'big', { bytes: old });
    const path = '/bkt/big';
    const first = await new Promise<Buffer>((resolve, reject) => {
      const chunks: Buffer[] = [];
      httpRequest(s3.url + path, { headers: signedHeaders(s3.url, { path }) }, (response) => {
        s3.endpoint.put('bkt', 'big', { bytes: Buffer.from('new') }).then(() => {
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => resolve(Buffer.concat(chunks)));
        }, reject);
      })
        .on('error', reject)
        .end();
    });
    expect(first.equals(old)).toBe(true);
    expect((await get({}, path)).text).toBe('new');
  });
});

describe('writing', () => {
  it.each([
    ['content-md5', 'XUFAKrxLKna5cZ2REBfFkg==', 200],
    ['content-md5', 'AAAAAAAAAAAAAAAAAAAAAA==', 'BadDigest'],
    ['content-md5', 'short', 'InvalidDigest'],
    ['x-amz-checksum-crc32', 'NhCmhg==', 200],
    ['x-amz-checksum-crc32', 'AAAAAA==', 'BadDigest'],
    ['x-amz-checksum-crc32', 'AAAA', 'InvalidRequest'],
    ['x-amz-checksum-crc32c', 'mnG7TA==', 200],
    ['x-amz-checksum-crc32c', 'NhCmhg==', 'BadDigest'],
    ['x-amz-checksum-sha1', 'qvTGHdzF6KLavt4PO0gs2a6pQ00=', 200],
    ['x-amz-checksum-sha256', 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=', 200],
    ['x-amz-checksum-crc64nvme', 'M3eFcAZSQlc=', 200],
    ['x-amz-checksum-crc64nvme', 'AAAAAAAAAAA=', 'BadDigest'],
    ['x-amz-sdk-checksum-algorithm', 'CRC32', 'InvalidRequest'],
  ])('%s: %s', async (name, value, outcome) => {
    const reply = await put({ [name]: value });
    expect(reply.code ?? reply.status).toBe(outcome);
    expect(s3.endpoint.list('bkt', 'new')).toHaveLength(outcome === 200 ? 1 : 0);
    if (outcome !== 200 || name === 'content-md5') return;
    expect(reply.headers[name]).toBe(value);
    expect((await get({ 'x-amz-checksum-mode': 'ENABLED' }, '/bkt/new')).headers[name]).toBe(value);
    expect((await get({}, '/bkt/new')).headers[name]).toBeUndefined();
    expect(
      (await get({ 'x-amz-checksum-mode': 'ENABLED', range: 'bytes=0-1' }, '/bkt/new')).headers[name],
    ).toBeUndefined();
  });

  it('metadata up to 2 KB, keys up to 1024 bytes, bodies up to the limit', async () => {
    expect((await put({ 'x-amz-meta-a': 'x'.repeat(2_047) })).status).toBe(200);
    expect((await put({ 'x-amz-meta-a': 'x'.repeat(2_048) })).code).toBe('MetadataTooLarge');
    expect((await put({}, '', `/bkt/${'é'.repeat(512)}`)).status).toBe(200);
    expect((await put({}, '', `/bkt/${'é'.repeat(512)}x`)).code).toBe('KeyTooLongError');
    expect((await put({}, 'x'.repeat(1_000_000))).status).toBe(200);
    expect((await put({}, 'x'.repeat(1_000_001))).code).toBe('EntityTooLarge');
  });

  it('metadata in any bytes HTTP carries', async () => {
    await put({ 'x-amz-meta-a': Buffer.from('é').toString('latin1') }).then(({ status }) => expect(status).toBe(403));
    expect((await put({ 'x-amz-meta-a': 'é' })).status).toBe(200);
    expect((await get({}, '/bkt/new')).headers['x-amz-meta-a']).toBe('é');
  });

  it('an upload that breaks off leaves nothing, and the endpoint goes on', async () => {
    const before = s3.log.length;
    const headers = {
      ...signedHeaders(s3.url, { method: 'PUT', path: '/bkt/torn', body: 'x'.repeat(100) }),
      'content-length': '100',
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect(Number(new URL(s3.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    const head = `PUT /bkt/torn HTTP/1.1\r\n${lines.join('')}\r\n`;
    socket.write(`${head}only this`, () => setTimeout(() => socket.destroy(), 50));
    while (s3.log.length === before) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(s3.log.at(-1)).toMatchObject({ operation: 'PutObject', key: 'torn', error: 'IncompleteBody', bytesIn: 9 });
    expect(s3.endpoint.list('bkt', 'torn')).toEqual([]);
    expect((await get({})).status).toBe(200);
  });

  it('leaves one file for each object, whatever was refused', async () => {
    await put({});
    await put({ 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' });
    await put({}, 'again');
    await put({ 'if-none-match': '*' }, 'never');
    const [directory] = readdirSync(join(s3.directory, 'data'));
    expect(readdirSync(join(s3.directory, 'data', directory!))).toHaveLength(2);
  });

  it('refuses a body on a socket that then carries the next request', async () => {
    const { port, host } = new URL(s3.url);
    const socket = connect(Number(port), '127.0.0.1');
    let answers = '';
    socket.on('data', (data) => {
      answers += data;
    });
    socket.write(`PUT /bkt/new HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 500000\r\n\r\n${'x'.repeat(500_000)}`);
    socket.write(`GET /bkt/k HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    await new Promise((resolve) => socket.on('close', resolve));
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 403', 'HTTP/1.1 403']);
  });

  it('in chunks, with a checksum behind them', async () => {
    const at = Date.now();
    const payloadHash = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
    const headers = {
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': '5',
      'x-amz-trailer': 'x-amz-checksum-crc32',
    };
    const send = (body: string, more: Record<string, string> = {}) =>
      signed(s3.url, { method: 'PUT', path: '/bkt/new', headers: { ...headers, ...more }, body, payloadHash, at });
    const body = (sum: string) => `3\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc32:${sum}\r\n\r\n`;
    expect((await send(body('AAAAAA=='))).code).toBe('BadDigest');
    expect((await send('0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n')).code).toBe('IncompleteBody');
    expect((await send(body('NhCmhg=='), { 'x-amz-trailer': 'x-amz-meta-a' })).code).toBe('InvalidRequest');
    expect(s3.endpoint.list('bkt', 'new')).toEqual([]);
    expect((await send(body('NhCmhg=='))).status).toBe(200);
    const reply = await get({}, '/bkt/new');
    expect([reply.text, reply.headers['content-encoding']]).toEqual(['hello', undefined]);
  });

  it('does not let a refused upload travel', async () => {
    const host = new URL(s3.url).host;
    const outcome = await new Promise<{ continued: boolean; status: number | undefined }>((resolve, reject) => {
      let continued = false;
      const headers = { host, expect: '100-continue', 'content-length': '900000' };
      const outgoing = httpRequest(`${s3.url}/bkt/k`, { method: 'PUT', headers, agent: false }, (response) => {
        resolve({ continued, status: response.statusCode });
        outgoing.destroy();
      });
      outgoing.on('continue', () => {
        continued = true;
      });
      outgoing.on('error', reject);
      outgoing.flushHeaders();
    });
    expect(outcome).toEqual({ continued: false, status: 403 });
  });
});

describe('what is refused', () => {
  it.each([
    ['GET', '/bkt', [['versioning', '']], 'GetBucketVersioning'],
    ['GET', '/bkt', [['versions', '']], 'ListObjectVersions'],
    ['PUT', '/bkt', [['policy', '']], 'PutBucketPolicy'],
    ['DELETE', '/bkt', [], 'DeleteBucket'],
    ['POST', '/bkt', [], 'PostBucket'],
    ['GET', '/bkt/k', [['acl', '']], 'GetObjectAcl'],
    ['PUT', '/bkt/k', [['tagging', '']], 'PutObjectTagging'],
    ['GET', '/bkt/k', [['versionId', 'x']], 'GetObject (query: versionId)'],
    ['GET', '/bkt/k', [['partNumber', '1']], 'GetObject (query: partNumber)'],
  ] as const)('%s %s %j', async (method, path, query, name) => {
    const reply = await signed(s3.url, { method, path, query });
    expect([reply.status, reply.code]).toEqual([501, 'NotImplemented']);
    expect(reply.text).toContain(name);
  });

  it.each([
    [{ 'x-amz-server-side-encryption': 'AES256' }, 501],
    [{ 'x-amz-acl': 'public-read' }, 501],
    [{ 'x-amz-acl': 'private' }, 200],
    [{ 'x-amz-storage-class': 'GLACIER' }, 501],
    [{ 'x-amz-storage-class': 'STANDARD' }, 200],
    [{ 'x-amz-tagging': 'a=b' }, 501],
    [{ 'if-none-match': '"tag"' }, 501],
  ])('PutObject with %j: %i', async (headers, status) => {
    expect((await put(headers as Record<string, string>)).status).toBe(status);
  });

  it.each([
    ['not XML', 'MalformedXML'],
    ['<Delete><Object><Key>k</Key></Object>', 'MalformedXML'],
    ['<!DOCTYPE a [<!ENTITY b "c">]><Delete><Object><Key>&b;</Key></Object></Delete>', 'MalformedXML'],
    ['<Delete><Object><Key>&b;</Key></Object></Delete>', 'MalformedXML'],
    [`${'<a>'.repeat(1_000)}${'</a>'.repeat(1_000)}`, 'MalformedXML'],
    [`<Delete>${'<Object><Key>k</Key></Object>'.repeat(1_001)}</Delete>`, 'MalformedXML'],
  ])('DeleteObjects with %.40s', async (body, code) => {
    const headers = { 'content-md5': createHash('md5').update(body).digest('base64') };
    const reply = await signed(s3.url, { method: 'POST', query: [['delete', '']], headers, body });
    expect([reply.code, s3.endpoint.list('bkt', '').length]).toEqual([code, 1]);
  });

  it('DeleteObjects without a digest, and entries that say more', async () => {
    const body =
      '<Delete><Object><Key>k</Key><VersionId>1</VersionId></Object><Object><Key>x&amp;&#x41;</Key></Object></Delete>';
    const query = [['delete', '']] as const;
    expect((await signed(s3.url, { method: 'POST', query, body })).code).toBe('InvalidRequest');
    const headers = { 'x-amz-checksum-sha256': Buffer.from(sha256(body), 'hex').toString('base64') };
    const { text } = await signed(s3.url, { method: 'POST', query, body, headers });
    expect(text).toContain('<Deleted><Key>x&amp;A</Key></Deleted>');
    expect(text).toContain('<Error><Key>k</Key><Code>NotImplemented</Code>');
    expect(s3.endpoint.list('bkt', '')).toHaveLength(1);
  });

  it.each([
    ['/bkt/%zz', 'InvalidURI'],
    ['/bkt/%ff', 'InvalidURI'],
    ['//x', 'InvalidBucketName'],
    ['/bkt?max-keys=-1', 'InvalidArgument'],
    ['/bkt?max-keys=x', 'InvalidArgument'],
    ['/bkt?encoding-type=x', 'InvalidArgument'],
    ['/bkt?list-type=2&continuation-token=x', 'InvalidArgument'],
    ['/bkt?list-type=3', 'InvalidArgument'],
    ['/bkt/k?uploadId=x', 'NoSuchUpload'],
  ])('GET %s', async (rawPath, code) => {
    const query =
      rawPath
        .split('?')[1]
        ?.split('&')
        .map((pair) => pair.split('=') as [string, string]) ?? [];
    const path = rawPath.split('?')[0]!;
    const reply =
      code === 'InvalidURI' || code === 'InvalidBucketName'
        ? await raw(s3.url, { rawPath })
        : await signed(s3.url, { path, query });
    expect(reply.code).toBe(code);
  });

  it.each(['ab', 'A-bucket', 'a..b', '192.168.1.1', '-ab'])('the bucket name %s', (name) => {
    expect(() => s3.endpoint.createBucket(name)).toThrow(/not valid/);
  });
});

describe('the way to a bucket', () => {
  it.each(['bkt.localhost', 'bkt.localhost:8080', `bkt.s3.${REGION}.haulout`, 'BKT.localhost'])(
    'in the host %s',
    async (host) => {
      expect((await signed(s3.url, { path: '/k', headers: { host } })).text).toBe('hello');
      expect((await signed(s3.url, { path: '/', headers: { host } })).text).toContain('<Key>k</Key>');
    },
  );

  it('in the absolute form of a proxy', async () => {
    const reply = await signed(s3.url, { rawPath: '/bkt/k' });
    expect(reply.text).toBe('hello');
    const open = await startS3({ anonymousRead: true });
    await open.endpoint.put('bkt', 'k', { bytes: Buffer.from('absolute') });
    expect((await raw(open.url, { rawPath: 'http://any.example/bkt/k' })).text).toBe('absolute');
    await open.close();
  });

  it('over a Unix socket', async () => {
    const socketPath = join(s3.directory, 'socket');
    const other = await listen(s3.endpoint.handler, { path: socketPath });
    const status = await new Promise((resolve, reject) => {
      httpRequest({ socketPath, path: '/bkt/k' }, (response) => resolve(response.statusCode))
        .on('error', reject)
        .end();
    });
    expect([status, other.url]).toEqual([403, `unix:${socketPath}`]);
    await other.close();
  });
});

describe('misbehaviour on purpose', () => {
  const ask = () => get({}, '/bkt/faulty');
  beforeEach(() => s3.endpoint.put('bkt', 'faulty', { bytes: Buffer.alloc(200_000, 'x') }));
  afterEach(() => {
    fault = undefined;
  });

  it('an error', async () => {
    fault = { status: 503, code: 'SlowDown' };
    const reply = await ask();
    expect([reply.status, reply.code]).toEqual([503, 'SlowDown']);
  });

  it('a pause', async () => {
    fault = { stallMs: 200 };
    const started = performance.now();
    expect((await ask()).status).toBe(200);
    expect(performance.now() - started).toBeGreaterThanOrEqual(195);
  });

  it('a connection that breaks', async () => {
    for (const cutAfterBytes of [0, 100, 150_000]) {
      fault = { cutAfterBytes };
      await expect(ask()).rejects.toThrow();
      expect(s3.log.at(-1)).toMatchObject({ status: 200, bytesOut: cutAfterBytes });
    }
    fault = { cutAfterBytes: 200_001 };
    expect((await ask()).body).toHaveLength(200_000);
  });
});

describe('the endpoint', () => {
  it('tells of each request', async () => {
    s3.log.length = 0;
    await signed(s3.url, { path: '/bkt/a b', headers: { 'user-agent': 'test' } });
    expect(s3.log).toEqual([
      {
        at: expect.stringMatching(/^\d{4}-.*Z$/),
        method: 'GET',
        operation: 'GetObject',
        bucket: 'bkt',
        key: 'a b',
        status: 404,
        bytesIn: 0,
        bytesOut: expect.any(Number),
        ms: expect.any(Number),
        userAgent: 'test',
        accessKeyId: KEY.accessKeyId,
        error: 'NoSuchKey',
      },
    ]);
  });

  it('takes a file, and keeps what it held when the file is gone', async () => {
    const absent = s3.endpoint.put('bkt', 'k', { file: join(s3.directory, 'absent') });
    await expect(absent).rejects.toThrow(/ENOENT/);
    expect((await get({})).text).toBe('hello');
    await expect(s3.endpoint.get('bkt', 'k', 4)).rejects.toThrow(RangeError);
    expect(await s3.endpoint.get('bkt', 'absent', 4)).toBeUndefined();
    expect([await s3.endpoint.delete('bkt', 'k'), await s3.endpoint.delete('bkt', 'k')]).toEqual([true, false]);
  });

  it('removes what it made and nothing else', async () => {
    const dataDirectory = join(s3.directory, 'other');
    const first = new S3Endpoint({ region: REGION, keys: new Map(), dataDirectory });
    const second = new S3Endpoint({ region: REGION, keys: new Map(), dataDirectory });
    expect(readdirSync(dataDirectory)).toHaveLength(2);
    await first.close();
    expect(readdirSync(dataDirectory)).toHaveLength(1);
    await second.close();
    expect(readdirSync(dataDirectory)).toEqual([]);
  });

  it('ends a socket that says nothing', async () => {
    const deadlines = { headersMs: 100, requestMs: 100, idleMs: 100, keepAliveMs: 100 };
    const hasty = await listen(s3.endpoint.handler, { host: '127.0.0.1', port: 0 }, deadlines);
    const socket = connect(Number(new URL(hasty.url).port), '127.0.0.1');
    await new Promise((resolve) =>
      socket
        .on('close', resolve)
        .on('error', () => undefined)
        .resume(),
    );
    await hasty.close();
  });
});
