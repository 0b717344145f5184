import { writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { probeConditionalWrites } from '../../src/aws/probe.ts';
import type { S3Options } from '../../src/cloud/s3/server.ts';
import { codeWords, readPage, tableRows } from '../docs/pages.ts';
import { type CliResult, haulout } from '../support/cli.ts';
import { KEY, REGION, type RunningS3, startS3, TEMPORARY_KEY } from '../support/s3.ts';
import { scratch } from '../support/scratch.ts';
import { startWire } from '../support/wire.ts';

const BUCKET = 's3://bkt/planet';
const NOBODY = 'http://127.0.0.1:1';

interface Finding {
  readonly check: string;
  readonly result: string;
  readonly seen: string;
  readonly next?: string;
}

interface Told {
  readonly schema: number;
  readonly failed: number;
  readonly warned: number;
  readonly findings: readonly Finding[];
}

const environment = (more: Readonly<Record<string, string>> = {}) => ({
  AWS_ACCESS_KEY_ID: KEY.accessKeyId,
  AWS_SECRET_ACCESS_KEY: KEY.secretAccessKey,
  AWS_REGION: REGION,
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  HAULOUT_METADATA: NOBODY,
  ...more,
});

const SECRETS = [KEY.secretAccessKey, TEMPORARY_KEY.secretAccessKey, TEMPORARY_KEY.sessionToken!, 'not the secret'];

/** Whatever else it says, it says no secret. */
async function doctor(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  const result = await haulout(['doctor', ...words], { env: environment(env) });
  for (const secret of SECRETS) expect(result.stdout + result.stderr).not.toContain(secret);
  return result;
}

async function told(url: string, words: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const { code, stdout } = await doctor([BUCKET, '--endpoint-url', url, '--json', ...words], env);
  const report = JSON.parse(stdout) as Told;
  const of = (check: string) => report.findings.filter((finding) => finding.check === check);
  return { ...report, code, of, words: (check: string) => of(check).map(({ result, seen }) => `${result}: ${seen}`) };
}

async function storeForTest(options: Partial<S3Options> = {}): Promise<RunningS3> {
  const s3 = await startS3(options);
  onTestFinished(() => s3.close());
  await fill(s3);
  return s3;
}

async function fill({ endpoint }: RunningS3): Promise<void> {
  await endpoint.put('bkt', 'planet/haulout.ini', { bytes: Buffer.from('[haulout]\nversion = 1\n') });
  await endpoint.put('bkt', 'planet/root/etc/motd', { bytes: Buffer.from('hello\n') });
}

describe('haulout doctor, where all is well', () => {
  let s3: RunningS3;
  beforeAll(async () => {
    s3 = await startS3({ accountId: '123456789012' });
    await fill(s3);
    const launch = ['userdata', BUCKET, '--endpoint-url', s3.url];
    expect((await haulout(launch, { env: environment() })).code).toBe(0);
  });
  afterAll(() => s3.close());

  it('ends 0, and warns of http only', async () => {
    const report = await told(s3.url, ['--owner', '123456789012']);
    expect(report).toMatchObject({ schema: 1, code: 0, failed: 0, warned: 1 });
    expect(report.findings.filter(({ result }) => result !== 'ok').map(({ check }) => check)).toEqual(['endpoint']);
    for (const check of ['list', 'read', 'write', 'delete', 'owner', 'agent', 'content', 'spec', 'user-data'])
      expect(report.of(check), check).toHaveLength(1);
    expect(report.words('credentials')).toEqual(['ok: AK..., from the environment']);
    expect(report.words('conditions')).toEqual(['ok: create-only enforced, If-Match enforced']);
    expect(report.words('metadata')).toEqual(['ok: not an instance: nobody answers at 169.254.169.254']);
  });

  it('tells each of its checks, and docs/doctor.md has them in that order', async () => {
    const said = tableRows(readPage('docs/doctor.md').text, '| check |').flatMap(([name = '']) => codeWords(name));
    const { findings } = await told(s3.url);
    expect([...new Set(findings.map(({ check }) => check))]).toEqual(said);
  });

  it('leaves nothing in the bucket', () => {
    const keys = s3.endpoint.list('bkt', '').map(({ key }) => key.replace(/[0-9a-f]{64}/, 'SHA256'));
    expect(keys).toEqual(['.haulout/agent/SHA256', '.haulout/wake', 'planet/haulout.ini', 'planet/root/etc/motd']);
  });

  it('says it in aligned lines, without colours off a terminal, and what to do next', async () => {
    const { stdout, stderr } = await doctor([BUCKET, '--endpoint-url', s3.url]);
    for (const line of stdout.trimEnd().split('\n'))
      expect(line).toMatch(/^((ok {2}|warn|fail) {2}[a-z-]+ +| {18}next: )\S/);
    expect(stdout).not.toContain('\u001b');
    expect(stderr).toMatch(/^haulout: s3:\/\/bkt\/planet: nothing is wrong, 1 to think about\nhaulout: next: \S/);
  });

  it('says that keys came from a profile', async () => {
    const file = join(scratch(), 'credentials');
    const { accessKeyId, secretAccessKey } = KEY;
    writeFileSync(file, `[sea]\naws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\n`);
    const env = { AWS_SHARED_CREDENTIALS_FILE: file, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' };
    const report = await told(s3.url, ['--profile', 'sea'], env);
    expect(report.words('credentials')).toEqual(['ok: AK..., from a profile of the AWS configuration']);
  });

  it('knows keys with a session token', async () => {
    const keys = {
      AWS_ACCESS_KEY_ID: TEMPORARY_KEY.accessKeyId,
      AWS_SECRET_ACCESS_KEY: TEMPORARY_KEY.secretAccessKey,
      AWS_SESSION_TOKEN: TEMPORARY_KEY.sessionToken!,
    };
    expect(await told(s3.url, [], keys)).toMatchObject({ code: 0, failed: 0 });
  });

  it('names the region that the bucket is in, and goes on there', async () => {
    const report = await told(s3.url, ['--region', 'us-west-2']);
    expect(report).toMatchObject({ code: 2, failed: 1 });
    expect(report.of('region')[0]).toMatchObject({ result: 'fail', seen: `the bucket is in ${REGION}` });
    expect(report.words('read')).toEqual(['ok: may read haulout.ini']);
  });

  it('says that the bucket is somebody else’s', async () => {
    const report = await told(s3.url, ['--owner', '999999999999']);
    expect(report.words('owner')).toEqual(['fail: the bucket does not belong to account 999999999999']);
  });

  it.each([
    ['another secret', { AWS_SECRET_ACCESS_KEY: 'not the secret' }, /the secret does not fit this key/],
    ['a key of another store', { AWS_ACCESS_KEY_ID: 'AKIASOMEOTHERKEY' }, /AKIA\.\.\.RKEY.*does not know this key/],
  ])('finds %s, and asks no more of the bucket', async (_what, env, seen) => {
    const report = await told(s3.url, [], env);
    expect(report).toMatchObject({ code: 2, failed: 1 });
    expect(report.words('credentials')[0]).toMatch(seen);
    expect(report.of('list')).toEqual([]);
  });

  it('does without credentials, and says so', async () => {
    const report = await told(s3.url, [], { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' });
    expect(report.words('credentials')[0]).toMatch(/^warn: none found/);
    expect(report.words('list')).toEqual(['fail: may not list s3://bkt/planet (AccessDenied)']);
    // There are no keys that a policy could be given to, and no role of an instance is asked about.
    for (const check of ['list', 'read', 'write', 'content'])
      expect(report.of(check)[0]?.next).toBe('give credentials first: this was asked without a signature');
  });
});

describe('haulout doctor, where something is not', () => {
  it.each([
    ['nobody there', NOBODY, /^fail: no connection to 127\.0\.0\.1:1 \(ECONNREFUSED\)$/],
    [
      'no such name',
      'http://store.invalid',
      /^fail: the name of store\.invalid is not known \((ENOTFOUND|EAI_AGAIN)\)$/,
    ],
  ])('%s: 69', async (_what, url, seen) => {
    const report = await told(url);
    expect(report.code).toBe(69);
    expect(report.words('bucket')[0]).toMatch(seen);
    expect(report.of('user-data')).toHaveLength(1);
  });

  it('no TLS where https was said: 69', async () => {
    const s3 = await storeForTest();
    const report = await told(s3.url.replace('http:', 'https:'));
    expect(report.code).toBe(69);
    expect(report.words('bucket')[0]).toMatch(/^fail: no TLS connection/);
  });

  it('something that is no store', async () => {
    const report = await told((await startWire((response) => response.end('<html>It works!</html>'))).url);
    expect(report.words('bucket')[0]).toMatch(/^fail: .* answers, but not as an S3 store does$/);
    expect(report.code).toBe(2);
  });

  it('no such bucket', async () => {
    const s3 = await storeForTest();
    const { code, stdout } = await doctor(['s3://other/planet', '--endpoint-url', s3.url]);
    expect(code).toBe(2);
    expect(stdout).toMatch(/^fail {2}bucket {6}\S+ has no bucket other\n {18}next: aws s3 mb s3:\/\/other$/m);
  });

  it.each([
    ['4 minutes', 4, /^ok: 4 min behind/, 0],
    ['10 minutes', 10, /^warn: 10 min behind the store$/, 0],
    ['20 minutes', 20, /^fail: 20 min behind the store$/, 2],
    ['20 minutes the other way', -20, /^fail: 20 min ahead of the store$/, 2],
  ])('a clock that is %s off', async (_what, minutes, seen, code) => {
    const s3 = await storeForTest({ now: () => Date.now() + minutes * 60_000 });
    const report = await told(s3.url);
    expect(report.words('clock')[0]).toMatch(seen);
    expect(report.code).toBe(code);
  });

  it('a bucket that anybody reads is a warning', async () => {
    const s3 = await storeForTest({ anonymousRead: true });
    const report = await told(s3.url);
    expect(report.words('public')).toEqual([
      'warn: anybody may list and read',
      'ok: nobody writes without credentials',
    ]);
    expect(report.code).toBe(0);
  });

  it('a bucket that anybody writes is a failure, and what was tried is gone', async () => {
    const s3 = await storeForTest({ anonymousWrite: true });
    const report = await told(s3.url);
    expect(report.words('public')[1]).toBe('fail: anybody may write to s3://bkt/planet and s3://bkt/.haulout');
    expect(report.code).toBe(2);
    expect(s3.endpoint.list('bkt', '')).toHaveLength(2);
  });

  it('a spec with mistakes, each with its place', async () => {
    const s3 = await storeForTest();
    await s3.endpoint.put('bkt', 'planet/haulout.ini', { bytes: Buffer.from('[haulout]\nversion = 1\n[packags]\n') });
    const report = await told(s3.url);
    expect(report.of('spec')[0]).toMatchObject({ result: 'fail', seen: expect.stringMatching(/^haulout\.ini:3:1: /) });
    expect(report.code).toBe(2);
  });

  it('an agent that is not there yet, and one with other bytes', async () => {
    const s3 = await storeForTest();
    expect((await told(s3.url)).words('agent')[0]).toMatch(/^warn: [0-9a-f]{12} is not there yet$/);
    const launch = ['userdata', BUCKET, '--endpoint-url', s3.url];
    expect((await haulout(launch, { env: environment() })).code).toBe(0);
    const [agent] = s3.endpoint.list('bkt', '.haulout/agent/');
    await s3.endpoint.put('bkt', agent!.key, { bytes: Buffer.from('altered') });
    expect((await told(s3.url)).words('agent')[0]).toMatch(/^fail: .* is there with other bytes/);
  });

  it('a runtime that is noted: there, and gone', async () => {
    const s3 = await storeForTest();
    const digest = 'ab'.repeat(32);
    const note = { schema: 1, runtimes: { x64: { sha256: digest, version: '24.21.0', size: 5 } } };
    await s3.endpoint.put('bkt', '.haulout/runtime/current.json', { bytes: Buffer.from(JSON.stringify(note)) });
    const gone = await told(s3.url);
    expect(gone.words('runtime')).toEqual(['fail: Node 24.21.0 for x64 (abababababab) is noted, and not there']);
    expect(gone.of('runtime')[0]?.next).toBe(`haulout runtime add ${BUCKET} --from 24.21.0 --arch x64`);
    await s3.endpoint.put('bkt', `.haulout/runtime/${digest}`, { bytes: Buffer.from('12345') });
    expect((await told(s3.url)).words('runtime')).toEqual(['ok: Node 24.21.0 for x64 (abababababab)']);
  });

  it('names of objects that would be obeyed by a terminal', async () => {
    const s3 = await storeForTest();
    await s3.endpoint.put('bkt', 'planet/root/a\u001b[2Jb', { bytes: Buffer.from('x') });
    const { stdout, stderr } = await doctor([BUCKET, '--endpoint-url', s3.url]);
    expect(stdout + stderr).not.toContain('\u001b');
  });

  it.each([
    ['an address that is none', ['planet']],
    ['an owner that is none', [BUCKET, '--owner', 'me']],
    ['a policy for nobody', [BUCKET, '--policy', 'root']],
  ])('%s: 64', async (_what, words) => {
    const { code, stdout } = await doctor(words);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });
});

it.each([
  ['the whole bucket', 's3://bkt', [], ['"arn:aws:s3:::bkt/root/*"', '"s3:prefix": [\n            "",']],
  ['a partition of its own', BUCKET, ['--region', 'cn-north-1'], ['"arn:aws-cn:s3:::bkt/planet/root/*"']],
  ['signs that mean something in a pattern', 's3://bkt/a?b', ['--role', 'r'], ['"arn:aws:s3:::bkt/a${?}b/root/*"']],
  ['a state in another bucket', BUCKET, ['--state', 's3://other/s'], ['"arn:aws:s3:::other/s/agent/*"']],
])('the policy for %s', async (_what, bucket, words, parts) => {
  const { code, stdout } = await doctor([bucket, '--policy', 'instance', ...words]);
  expect(code).toBe(0);
  for (const part of parts) expect(stdout).toContain(part);
});

describe('the metadata service', () => {
  const metadata = async (answer: (response: ServerResponse, request: IncomingMessage) => void) => {
    const s3 = await storeForTest();
    return (await told(s3.url, [], { HAULOUT_METADATA: (await startWire(answer)).url })).words('metadata')[0];
  };

  it.each([
    ['required', 401, /^ok: an instance; tokens are given and required$/],
    ['optional', 200, /^ok: an instance; tokens are given and not required$/],
  ])('that gives tokens, which are %s', async (_what, plain, seen) => {
    const said = await metadata((response, request) => {
      response.writeHead(request.method === 'PUT' ? 200 : plain).end();
    });
    expect(said).toMatch(seen);
  });

  it('whose answer to the PUT never arrives: the hop limit', async () => {
    const said = await metadata((response, request) => {
      if (request.method !== 'PUT') response.writeHead(401).end();
    });
    expect(said).toMatch(/^fail: no token arrives, other answers do: the hop limit is too small$/);
  });

  it.each([
    [404, /^ok: an instance of a cloud without tokens$/],
    [403, /^warn: the metadata service refuses a token \(403\)$/],
  ])('that answers the PUT with %i', async (status, seen) => {
    expect(await metadata((response) => response.writeHead(status).end())).toMatch(seen);
  });
});

/** Not a store: it keeps one object, checks no signature, and does with conditions what the test wants. */
describe('the probe of conditional writes', () => {
  type Judge = (headers: IncomingHttpHeaders) => number;
  const probe = async (judge: Judge) => {
    const { url } = await startWire((response, { method, headers }) => {
      response.writeHead(method === 'PUT' ? judge(headers) : 204, { etag: '"1"' }).end();
    });
    const place = { endpoint: { url, region: REGION }, bucket: 'bkt', credentials: KEY };
    return await probeConditionalWrites(place, '.haulout/probe/');
  };

  it('finds out what a store does, whatever it says', async () => {
    expect(await probe(() => 200)).toEqual({ createOnly: 'ignored', ifMatch: 'ignored' });
    const refuses: Judge = (headers) => ('if-none-match' in headers || 'if-match' in headers ? 501 : 200);
    expect(await probe(refuses)).toEqual({ createOnly: 'refused', ifMatch: 'refused' });
    const holdsTags: Judge = (headers) => (headers['if-match'] === `"${'0'.repeat(32)}"` ? 412 : 200);
    expect(await probe(holdsTags)).toEqual({ createOnly: 'ignored', ifMatch: 'enforced' });
  });

  it('holds for the local cloud', async () => {
    const { url, endpoint } = await storeForTest();
    const place = { endpoint: { url, region: REGION }, bucket: 'bkt', credentials: KEY };
    expect(await probeConditionalWrites(place, 'p/')).toEqual({ createOnly: 'enforced', ifMatch: 'enforced' });
    expect(endpoint.list('bkt', 'p/')).toEqual([]);
  });

  it('rejects where nothing can be written', async () => {
    await expect(probe(() => 403)).rejects.toThrow();
  });
});
