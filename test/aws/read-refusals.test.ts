import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Credentials } from '../../src/aws/sigv4.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { HauloutError } from '../../src/lib/errors.ts';
import { MemorySink, readerAt, rejection, s3ForTest } from '../support/readers.ts';
import { KEY, TEMPORARY_KEY } from '../support/s3.ts';
import { errorXml, freePort, say, startWire } from '../support/wire.ts';

describe('a refusal is named by S3\u2019s own word, with what to do, and not tried again', () => {
  it.each([
    [403, 'AccessDenied', 's3:GetObject'],
    [403, 'AllAccessDisabled', 'owner'],
    [404, 'NoSuchBucket', 'HAULOUT_BUCKET'],
    [403, 'InvalidAccessKeyId', 'keys'],
    [403, 'SignatureDoesNotMatch', 'secret'],
    [301, 'PermanentRedirect', 'HAULOUT_REGION'],
    [400, 'AuthorizationHeaderMalformed', 'HAULOUT_REGION'],
    [501, 'NotImplemented', 'docs/stores.md'],
    [500, 'Whatever', 'store has trouble'],
    [418, 'Teapot', 'log of the store'],
  ])('%i %s', async (status, code, hint) => {
    const wire = await startWire((response) => say(response, status, errorXml(code)));
    const error = await rejection(readerAt(wire.url).list('', undefined));
    expect(error).toMatchObject({ code: `s3-${code}`, status, s3Code: code, step: 'bucket', subject: 's3://bkt' });
    expect(error).toMatchObject({ hint: expect.stringContaining(hint) });
    expect(wire.asked).toHaveLength(status === 500 ? 3 : 1);
  });

  it.each(['', '<html>nothing of S3</html>', '<Code>\u001b[2J</Code>', '{"code":"x"}'])(
    '%j has only a status',
    async (body) => {
      const wire = await startWire((response) => say(response, 403, body));
      expect(await rejection(readerAt(wire.url).list('', undefined))).toMatchObject({
        code: 's3-Http403',
        status: 403,
      });
    },
  );

  it('a real wrong secret, a real unknown key', async () => {
    const s3 = await s3ForTest();
    const codeWith = async (options: Parameters<typeof readerAt>[1]) =>
      ((await rejection(readerAt(s3.url, options).list('', undefined))) as { code: string }).code;
    expect(await codeWith({ credentials: async () => ({ ...KEY, secretAccessKey: 'x' }) })).toBe(
      's3-SignatureDoesNotMatch',
    );
    expect(await codeWith({ credentials: async () => ({ ...KEY, accessKeyId: 'x' }) })).toBe('s3-InvalidAccessKeyId');
  });
});

describe('redirects to another store', () => {
  it.each([301, 302, 303, 307, 308])('%i is not followed', async (status) => {
    const elsewhere = await startWire((response) => say(response, 200, 'stolen'));
    const wire = await startWire((response) => say(response, status, '', { location: `${elsewhere.url}/bkt/a` }));
    const error = await rejection(readerAt(wire.url).read({ key: 'a', etag: '', size: 6 }, new MemorySink()));
    expect(error).toMatchObject({ code: `s3-Http${status}` });
    expect([wire.asked.length, elsewhere.asked.length]).toEqual([1, 0]);
  });
});

describe('a clock that is off', () => {
  it.each([
    ['20 minutes behind', Date.now() - 20 * 60_000],
    ['2 hours behind', Date.now() - 120 * 60_000],
    ['2 hours ahead', Date.now() + 120 * 60_000],
    ['in 1970', 86_400_000],
    ['in 2040', Date.UTC(2040, 0, 1)],
  ])('%s is put right by the date of the store, once', async (_, there) => {
    const started = Date.now();
    const s3 = await s3ForTest();
    await s3.endpoint.put('bkt', 'a', { bytes: Buffer.from('hello') });
    const reader = readerAt(s3.url, { clock: { ...systemClock, now: () => there + Date.now() - started } });
    expect((await reader.list('', undefined)).objects).toHaveLength(1);
    expect((await reader.readSmall('a', 9))?.toString()).toBe('hello');
    await expect.poll(() => s3.log.map(({ error }) => error)).toEqual(['RequestTimeTooSkewed', undefined, undefined]);
  });

  it('is looked at whatever word a store refuses with, for many requests at once; one that is right is not', async () => {
    const wire = await startWire((response, { headers, url }) => {
      const now = new Date().toISOString().replace(/[-:]/g, '').slice(0, 11);
      const right = `${headers['x-amz-date']}`.startsWith(now) && !url?.endsWith('/forbidden');
      const answer = () => (right ? say(response, 200, 'read') : say(response, 403, errorXml('AccessDenied')));
      setTimeout(answer, url?.endsWith('/late') ? 100 : 0);
    });
    const reader = readerAt(wire.url, { clock: { ...systemClock, now: () => Date.now() - 7_200_000 } });
    const read = async (key: string) => String(await reader.readSmall(key, 99));
    expect(await Promise.all(['a', 'late', 'late', 'b'].map(read))).toEqual(Array(4).fill('read'));
    expect(wire.asked).toHaveLength(8);
    expect(await rejection(read('forbidden'))).toMatchObject({ code: 's3-AccessDenied' });
    expect(wire.asked).toHaveLength(9);
  });

  it('that the store goes on refusing is said, not tried for ever', async () => {
    const wire = await startWire((response) => say(response, 403, errorXml('RequestTimeTooSkewed')));
    const error = await rejection(readerAt(wire.url).list('', undefined));
    expect(error).toMatchObject({ code: 's3-RequestTimeTooSkewed', hint: expect.stringContaining('clock') });
    expect(wire.asked).toHaveLength(2);
  });
});

describe('credentials that ran out', () => {
  const fresh: Credentials = { ...TEMPORARY_KEY, sessionToken: 'the next token' };

  async function rotating() {
    const asked: boolean[] = [];
    let held = TEMPORARY_KEY;
    const s3 = await s3ForTest({ keys: () => fresh });
    await s3.endpoint.put('bkt', 'a', { bytes: Buffer.from('hello') });
    const credentials = async (anew: boolean) => {
      asked.push(anew);
      if (!anew) return held;
      await new Promise((resolve) => setTimeout(resolve, 20));
      held = fresh;
      return held;
    };
    return { s3, asked, reader: readerAt(s3.url, { credentials }) };
  }

  it('are asked for anew once, and the request is repeated', async () => {
    const { s3, asked, reader } = await rotating();
    expect((await reader.readSmall('a', 9))?.toString()).toBe('hello');
    expect((await reader.readSmall('a', 9))?.toString()).toBe('hello');
    expect(asked.filter(Boolean)).toHaveLength(1);
    await expect.poll(() => s3.log.map(({ error }) => error)).toEqual(['InvalidToken', undefined, undefined]);
  });

  it('meet sixteen requests at once, and all of them get through', async () => {
    const waiting: ServerResponse[] = [];
    const wire = await startWire((response, request) => {
      const known = request.headers['x-amz-security-token'] === fresh.sessionToken;
      if (known) return say(response, 200, 'hello');
      waiting.push(response);
      if (waiting.length >= 16) for (const each of waiting) say(each, 400, errorXml('ExpiredToken'));
    });
    let held = TEMPORARY_KEY;
    const credentials = async (anew: boolean) => {
      if (!anew) return held;
      await new Promise((resolve) => setTimeout(resolve, 50));
      held = fresh;
      return held;
    };
    const reader = readerAt(wire.url, { credentials, retry: { attempts: 3, baseMs: 20, capMs: 20 } });
    const all = await Promise.all(Array.from({ length: 16 }, () => reader.readSmall('a', 9)));
    expect(all.map(String)).toEqual(Array.from({ length: 16 }, () => 'hello'));
    expect([waiting.length, wire.asked.length]).toEqual([16, 32]);
  });

  it.each(['ExpiredToken', 'InvalidToken'])('and stay so (%s) are an error with a hint', async (code) => {
    const wire = await startWire((response) => say(response, 400, errorXml(code)));
    const asked: boolean[] = [];
    const credentials = async (anew: boolean) => {
      asked.push(anew);
      return TEMPORARY_KEY;
    };
    const error = await rejection(readerAt(wire.url, { credentials }).list('', undefined));
    expect(error).toMatchObject({ code: `s3-${code}` });
    expect([wire.asked.length, asked.filter(Boolean).length]).toEqual([2, 1]);
  });

  it('that cannot be had are their own error', async () => {
    const trouble = new HauloutError({
      code: 'metadata-refused',
      step: 'metadata',
      subject: 'x',
      reason: 'y',
      hint: 'z',
    });
    const reader = readerAt('http://127.0.0.1:1', { credentials: () => Promise.reject(trouble) });
    expect(await rejection(reader.list('', undefined))).toBe(trouble);
  });
});

it('no error says a secret, at any depth', async () => {
  const secrets = [TEMPORARY_KEY.secretAccessKey, TEMPORARY_KEY.sessionToken!, 'Signature='];
  const deadlines = { headers: 100, idle: 100, total: 200 };
  const answers: ((echo: string) => Parameters<typeof startWire>[0])[] = [
    (echo) => (response) =>
      say(response, 403, `<Error><Code>${echo.slice(0, 60)}</Code><Message>${echo}</Message></Error>`),
    (echo) => (response) => say(response, 200, echo),
    (echo) => (response) => say(response, 307, echo, { location: `http://127.0.0.1:1/${encodeURIComponent(echo)}` }),
    () => (response) => response.destroy(),
    () => () => undefined,
    () => (response) => response.socket?.end('HTTP/1.1 999999 nonsense\r\n\r\n'),
    () => (response) => response.writeHead(200, { 'content-length': '9' }).end('x'),
  ];
  const seen: string[] = [];
  const all = (error: unknown) => inspect(error, { depth: 20, showHidden: true });
  for (const answer of answers) {
    const wire = await startWire(answer(secrets.slice(0, 2).join(' ')));
    const reader = readerAt(wire.url, { credentials: async () => TEMPORARY_KEY, deadlines });
    seen.push(all(await rejection(reader.list('', undefined))));
    seen.push(all(await rejection(reader.read({ key: 'a', etag: 'e', size: 9 }, new MemorySink()))));
  }
  const gone = readerAt(`http://127.0.0.1:${await freePort()}`, { credentials: async () => TEMPORARY_KEY });
  seen.push(all(await rejection(gone.list('', undefined))));
  for (const text of seen) for (const secret of secrets) expect(text).not.toContain(secret);
  expect(seen).toHaveLength(15);
});

describe('the account that must own the bucket', () => {
  const OURS = '123456789012';

  it('is said and signed with every request, and a bucket of ours is read', async () => {
    const s3 = await s3ForTest({ accountId: OURS });
    await s3.endpoint.put('bkt', 'a', { bytes: Buffer.from('hello') });
    const reader = readerAt(s3.url, { owner: OURS });
    expect((await reader.list('', undefined)).objects).toHaveLength(1);
    expect(String(await reader.readSmall('a', 9))).toBe('hello');
  });

  it('that does not is a reason of its own, and nothing is read', async () => {
    const s3 = await s3ForTest({ accountId: '999999999999', anonymousRead: true });
    await s3.endpoint.put('bkt', 'a', { bytes: Buffer.from('hello') });
    for (const credentials of [async () => KEY, async () => undefined]) {
      const reader = readerAt(s3.url, { owner: OURS, credentials });
      const sink = new MemorySink();
      const reading = reader.read({ key: 'a', etag: '', size: 5 }, sink);
      for (const refused of [reader.list('', undefined), reading])
        expect(await rejection(refused)).toMatchObject({
          code: 'bucket-owner-refused',
          s3Code: 'AccessDenied',
          hint: expect.stringContaining('HAULOUT_OWNER'),
        });
      expect(sink.written).toBe(0);
    }
  });

  it('is not blamed for other refusals', async () => {
    const wire = await startWire((response) => say(response, 403, errorXml('SignatureDoesNotMatch')));
    const reader = readerAt(wire.url, { owner: OURS });
    expect(await rejection(reader.list('', undefined))).toMatchObject({ code: 's3-SignatureDoesNotMatch' });
    expect(wire.asked[0]?.headers['x-amz-expected-bucket-owner']).toBe(OURS);
  });
});
