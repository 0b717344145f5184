import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { run, SYSTEM_ENVIRONMENT } from '../../src/lib/exec.ts';
import { command, describeWith } from '../support/needs.ts';
import { KEY, REGION, type RunningS3, startS3, TEMPORARY_KEY } from '../support/s3.ts';

let s3: RunningS3;
let environment: Record<string, string>;

beforeAll(async () => {
  s3 = await startS3();
  environment = {
    ...SYSTEM_ENVIRONMENT,
    HOME: s3.directory,
    AWS_ACCESS_KEY_ID: KEY.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEY.secretAccessKey,
    AWS_DEFAULT_REGION: REGION,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_CLOUD_TYPE: 's3',
    // The AWS provider would put the bucket into the host's name, whatever it is told.
    RCLONE_CONFIG_CLOUD_PROVIDER: 'Minio',
    RCLONE_CONFIG_CLOUD_ENV_AUTH: 'true',
    RCLONE_CONFIG_CLOUD_REGION: REGION,
    RCLONE_CONFIG_CLOUD_ENDPOINT: s3.url,
    RCLONE_CONFIG_CLOUD_FORCE_PATH_STYLE: 'true',
  };
});

afterAll(() => s3.close());

beforeEach(async () => {
  for (const { key } of s3.endpoint.list('bkt', '')) await s3.endpoint.delete('bkt', key);
  s3.log.length = 0;
});

async function succeed(
  argv: readonly [string, ...string[]],
  options: { input?: string; env?: Record<string, string> } = {},
) {
  const env = { ...environment, ...options.env };
  const input = options.input === undefined ? {} : { input: options.input };
  const result = await run(argv, { env, timeoutMs: 60_000, keepBytes: 1_000_000, ...input });
  if (result.code !== 0) throw new Error(`${argv.join(' ')}: exit ${result.code}\n${result.output}\n${refusals()}`);
  return result.stdout;
}

function refusals(): string {
  return s3.log
    .filter(({ error }) => error !== undefined)
    .map((entry) => JSON.stringify(entry))
    .join('\n');
}

const aws = (...words: string[]) => succeed(['aws', '--endpoint-url', s3.url, ...words]);
const rclone = (...words: string[]) => succeed(['rclone', '--retries', '1', '--low-level-retries', '1', ...words]);

const YESTERDAY = new Date(Date.now() - 86_400_000);

/** A small tree with names that are hard to carry. */
function makeTree(name: string): { directory: string; files: Record<string, string> } {
  const directory = join(s3.directory, name);
  const files = { 'a.txt': 'a', 'sub/b c+d.txt': 'plus and space', 'sub/é%20.txt': 'accent', 'sub/empty': '' };
  mkdirSync(join(directory, 'sub'), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    writeFileSync(join(directory, path), text);
    // S3's times are whole seconds: a file of this very second would look newer than its upload.
    utimesSync(join(directory, path), YESTERDAY, YESTERDAY);
  }
  return { directory, files };
}

const listed = (prefix: string) => s3.endpoint.list('bkt', prefix).map(({ key }) => key);

describeWith([command('aws', 'awscli')], 'the aws CLI', () => {
  it('syncs a tree up and down, and a second time moves nothing', async () => {
    const { directory, files } = makeTree('up');
    await aws('s3', 'sync', directory, 's3://bkt/tree');
    expect(listed('tree/')).toEqual(
      Object.keys(files)
        .map((path) => `tree/${path}`)
        .sort(),
    );
    expect(await aws('s3', 'sync', directory, 's3://bkt/tree')).toBe('');
    const down = join(s3.directory, 'down');
    await aws('s3', 'sync', 's3://bkt/tree', down);
    for (const [path, text] of Object.entries(files)) expect(readFileSync(join(down, path), 'utf8')).toBe(text);
  });

  it('lists and removes', async () => {
    const { directory } = makeTree('removed');
    await aws('s3', 'cp', '--recursive', directory, 's3://bkt/tree');
    expect(await aws('s3', 'ls', 's3://bkt/tree/')).toMatch(/PRE sub\/\n.* 1 a\.txt\n$/);
    expect(await aws('s3', 'ls')).toMatch(/ bkt\n$/);
    await aws('s3', 'rm', '--recursive', 's3://bkt/tree');
    expect(listed('')).toEqual([]);
  });

  it('carries more than 8 MB in parts, both ways', async () => {
    const bytes = randomBytes(20_000_000);
    const file = join(s3.directory, 'big');
    writeFileSync(file, bytes);
    await aws('s3', 'cp', file, 's3://bkt/big');
    expect(s3.log.filter(({ operation }) => operation === 'UploadPart').length).toBeGreaterThan(1);
    await aws('s3', 'cp', 's3://bkt/big', `${file}.back`);
    expect(readFileSync(`${file}.back`).equals(bytes)).toBe(true);
    await aws('s3', 'cp', 's3://bkt/big', 's3://bkt/big-copy', '--copy-props', 'none');
    expect(s3.endpoint.list('bkt', 'big-copy')[0]?.size).toBe(bytes.length);
  });

  it('streams from standard input, copies within the store, and keeps metadata', async () => {
    await succeed(['aws', '--endpoint-url', s3.url, 's3', 'cp', '--metadata', 'of=stream', '-', 's3://bkt/in'], {
      input: 'streamed',
    });
    await aws('s3', 'cp', 's3://bkt/in', 's3://bkt/copy');
    expect(await aws('s3', 'cp', 's3://bkt/copy', '-')).toBe('streamed');
    const head = JSON.parse(await aws('s3api', 'head-object', '--bucket', 'bkt', '--key', 'copy'));
    expect(head.Metadata).toEqual({ of: 'stream' });
  });

  it('verifies a checksum of its own', async () => {
    const file = join(s3.directory, 'summed');
    writeFileSync(file, 'hello');
    const put = [
      's3api',
      'put-object',
      '--bucket',
      'bkt',
      '--key',
      'k',
      '--body',
      file,
      '--checksum-algorithm',
      'SHA256',
    ];
    const sha256 = 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=';
    expect(JSON.parse(await aws(...put)).ChecksumSHA256).toBe(sha256);
    const get = ['s3api', 'get-object', '--bucket', 'bkt', '--key', 'k', '--checksum-mode', 'ENABLED', `${file}.back`];
    expect(JSON.parse(await aws(...get)).ChecksumSHA256).toBe(sha256);
  });

  it('uses keys that carry a token', async () => {
    const env = {
      AWS_ACCESS_KEY_ID: TEMPORARY_KEY.accessKeyId,
      AWS_SECRET_ACCESS_KEY: TEMPORARY_KEY.secretAccessKey,
      AWS_SESSION_TOKEN: TEMPORARY_KEY.sessionToken!,
    };
    await succeed(['aws', '--endpoint-url', s3.url, 's3', 'ls', 's3://bkt'], { env });
    expect(s3.log.at(-1)?.accessKeyId).toBe(TEMPORARY_KEY.accessKeyId);
  });

  it('is told what is wrong', async () => {
    const wrong = { ...environment, AWS_SECRET_ACCESS_KEY: 'wrong' };
    const argv = ['aws', '--endpoint-url', s3.url, 's3', 'ls', 's3://bkt'] as const;
    const result = await run(argv, { env: wrong, timeoutMs: 60_000 });
    expect(result.code).not.toBe(0);
    expect(result.output).toContain('SignatureDoesNotMatch');
    const versions = ['aws', '--endpoint-url', s3.url, 's3api', 'list-object-versions', '--bucket', 'bkt'] as const;
    const refused = await run(versions, { env: { ...environment, AWS_MAX_ATTEMPTS: '1' }, timeoutMs: 60_000 });
    expect(refused.output).toContain('NotImplemented');
    expect(refused.output).toContain('ListObjectVersions');
  });
});

describeWith([command('aws', 'awscli'), command('curl', 'curl')], 'a URL the aws CLI presigned', () => {
  it('opens with curl, and not when it was changed', async () => {
    await s3.endpoint.put('bkt', 'a b+é.txt', { bytes: Buffer.from('presigned') });
    const url = (await aws('s3', 'presign', 's3://bkt/a b+é.txt')).trim();
    expect(await succeed(['curl', '-sS', '--fail', url])).toBe('presigned');
    expect(await succeed(['curl', '-sS', url.replace('a%20b', 'a%20c')])).toContain('SignatureDoesNotMatch');
    expect(await succeed(['curl', '-sS', '-H', 'x-amz-meta-a: b', url])).toContain('HeadersNotSigned');
  });
});

describeWith([command('curl', 'curl')], 'curl that signs', () => {
  it('reads a plain key', async () => {
    await s3.endpoint.put('bkt', 'plain.txt', { bytes: Buffer.from('signed by curl') });
    const sign = ['--aws-sigv4', `aws:amz:${REGION}:s3`, '--user', `${KEY.accessKeyId}:${KEY.secretAccessKey}`];
    const payload = ['-H', 'x-amz-content-sha256: UNSIGNED-PAYLOAD'];
    expect(await succeed(['curl', '-sS', ...sign, ...payload, `${s3.url}/bkt/plain.txt`])).toBe('signed by curl');
  });
});

describeWith([command('rclone', 'rclone')], 'rclone', () => {
  it('copies, checks and lists a tree, and a second time moves nothing', async () => {
    const { directory, files } = makeTree('cloned');
    await rclone('copy', directory, 'cloud:bkt/tree');
    const before = s3.log.length;
    await rclone('copy', directory, 'cloud:bkt/tree');
    expect(s3.log.slice(before).filter(({ method }) => method === 'PUT')).toEqual([]);
    await rclone('check', directory, 'cloud:bkt/tree');
    const lines = (await rclone('lsf', '-R', '--files-only', 'cloud:bkt/tree')).trim().split('\n');
    expect(lines.sort()).toEqual(Object.keys(files).sort());
  });

  it('syncs, which deletes what is gone', async () => {
    const { directory, files } = makeTree('synced');
    await s3.endpoint.put('bkt', 'tree/old', { bytes: Buffer.from('old') });
    await rclone('sync', directory, 'cloud:bkt/tree');
    expect(listed('tree/')).toEqual(
      Object.keys(files)
        .map((path) => `tree/${path}`)
        .sort(),
    );
    await rclone('delete', 'cloud:bkt/tree');
    expect(listed('')).toEqual([]);
  });

  it('carries a stream of unknown size, small and in parts', async () => {
    const cat = (key: string, input: string) =>
      succeed(['rclone', '--retries', '1', '--streaming-upload-cutoff', '1Ki', 'rcat', `cloud:bkt/${key}`], { input });
    await cat('small', 'a little');
    expect(await rclone('cat', 'cloud:bkt/small')).toBe('a little');
    const big = 'walrus '.repeat(1_000_000);
    await cat('big', big);
    expect(s3.log.filter(({ operation }) => operation === 'CompleteMultipartUpload')).toHaveLength(1);
    expect(Buffer.from((await s3.endpoint.get('bkt', 'big', 10_000_000))!).toString()).toBe(big);
  });

  it('meets no operation we do not have', async () => {
    const { directory } = makeTree('whole');
    await rclone('sync', directory, 'cloud:bkt/tree');
    await rclone('moveto', 'cloud:bkt/tree/a.txt', 'cloud:bkt/tree/moved.txt');
    expect(s3.log.filter(({ status }) => status === 501)).toEqual([]);
    expect(listed('tree/moved')).toEqual(['tree/moved.txt']);
  });
});
