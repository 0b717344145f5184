import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BucketWriter } from '../../src/aws/write.ts';
import type { S3Options } from '../../src/cloud/s3/server.ts';
import { run, SYSTEM_ENVIRONMENT } from '../../src/lib/exec.ts';
import { command, skippedAloud } from '../support/needs.ts';
import { rejection, s3ForTest } from '../support/readers.ts';
import { KEY, REGION, type RunningS3, signed } from '../support/s3.ts';
import { aws } from '../support/uploads.ts';

const KEYS = ['a', 'b/1', 'b/2', 'c', 'd/1', 'e'];
const rclone = command('rclone', 'rclone');

async function filled(options: Partial<S3Options>): Promise<RunningS3> {
  const s3 = await s3ForTest(options);
  for (const key of KEYS) await s3.endpoint.put('bkt', key, { bytes: Buffer.from(`text of ${key}`) });
  return s3;
}

async function succeed(argv: readonly [string, ...string[]], more: Record<string, string> = {}): Promise<string> {
  const env = {
    ...SYSTEM_ENVIRONMENT,
    AWS_ACCESS_KEY_ID: KEY.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEY.secretAccessKey,
    AWS_DEFAULT_REGION: REGION,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    RCLONE_CONFIG: '/dev/null',
    ...more,
  };
  const { code, stdout, output } = await run(argv, { env, timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`${argv.join(' ')}: exit ${code}\n${output}`);
  return stdout;
}

/** What the endpoint does on request is what clients that other people wrote take for such a store. */
describe('a store that only knows ListObjectsV1', () => {
  it('shows the SDK\u2019s paginator its first page, which the SDK takes for all there is', async () => {
    const s3 = await filled({ listing: 'v1-only', pageKeys: 2 });
    const client = new S3Client({ region: REGION, endpoint: s3.url, credentials: KEY, forcePathStyle: true });
    onTestFinished(() => client.destroy());
    const seen: (string | undefined)[] = [];
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: 'bkt' }))
      seen.push(...Contents.map(({ Key }) => Key));
    expect(seen).toEqual(['a', 'b/1']);
  });

  it.skipIf(skippedAloud('aws and ListObjectsV1', [aws]))(
    'is listed whole by the AWS CLI, by version 1, under a path',
    async () => {
      const s3 = await filled({ listing: 'v1-only', pageKeys: 2, basePath: '/services/Walrus' });
      const words = ['--endpoint-url', `${s3.url}/services/Walrus`, 's3api', 'list-objects', '--bucket', 'bkt'];
      const listed = JSON.parse(await succeed(['aws', ...words])) as { Contents: { Key: string }[] };
      expect(listed.Contents.map(({ Key }) => Key)).toEqual(KEYS);
      const grouped = JSON.parse(await succeed(['aws', ...words, '--delimiter', '/'])) as { CommonPrefixes: unknown[] };
      expect(grouped.CommonPrefixes).toEqual([{ Prefix: 'b/' }, { Prefix: 'd/' }]);
    },
  );

  it.skipIf(skippedAloud('rclone and ListObjectsV1', [rclone]))('is copied whole by rclone, by version 1', async () => {
    const s3 = await filled({ listing: 'v1-only', pageKeys: 2 });
    const target = join(s3.directory, 'copy');
    const remote = `:s3,provider=Other,env_auth=true,list_version=1,force_path_style=true,region=${REGION},endpoint='${s3.url}':bkt`;
    await succeed(['rclone', 'copy', remote, target]);
    for (const key of KEYS) expect(readFileSync(join(target, key), 'utf8')).toBe(`text of ${key}`);
  });
});

describe('an endpoint with a path', () => {
  it('is one store with what is signed, and nothing beside the path', async () => {
    const s3 = await filled({ basePath: '/services/Walrus' });
    expect((await signed(s3.url, { path: '/services/Walrus/bkt/b/1' })).text).toBe('text of b/1');
    expect((await signed(s3.url, { path: '/services/Walrus' })).text).toContain('<Name>bkt</Name>');
    for (const path of ['/bkt/b/1', '/services/WalrusX/bkt/b/1', '/'])
      expect(await signed(s3.url, { path })).toMatchObject({ status: 404, code: 'NoSuchBucket' });
  });

  it('is written to by the SDK', async () => {
    const s3 = await filled({ basePath: '/services/Walrus' });
    const writer = new BucketWriter({
      endpoint: { url: `${s3.url}/services/Walrus`, region: REGION },
      credentials: KEY,
    });
    onTestFinished(() => writer.close());
    expect(await writer.put('bkt', 'new', Buffer.from('new'), { createOnly: true })).toBe('written');
    expect(await writer.put('bkt', 'new', Buffer.from('new'), { createOnly: true })).toBe('exists');
    expect(Buffer.from((await s3.endpoint.get('bkt', 'new', 9))!).toString()).toBe('new');
  });
});

describe('a bucket that is elsewhere', () => {
  it('is found there by the SDK, as with Amazon', async () => {
    const s3 = await filled({ elsewhere: new Map([['bkt', { region: 'eu-central-9' }]]) });
    const client = new S3Client({
      region: REGION,
      endpoint: s3.url,
      credentials: KEY,
      forcePathStyle: true,
      followRegionRedirects: true,
    });
    onTestFinished(() => client.destroy());
    await rejection(client.send(new GetObjectCommand({ Bucket: 'bkt', Key: 'a' })));
    await expect.poll(() => s3.log.map(({ status }) => status)).toEqual([301, 301]);
    const { status, headers, text } = await signed(s3.url, { path: '/bkt/a' });
    expect([status, headers['x-amz-bucket-region'], headers.location]).toEqual([
      301,
      'eu-central-9',
      `${s3.url}/bkt/a`,
    ]);
    expect(text).toContain('<Region>eu-central-9</Region>');
  });
});

it('a store that compares entity tags without quotes refuses the quoted form, and only that', async () => {
  const s3 = await filled({ ifMatch: 'bare' });
  const etag = s3.endpoint.list('bkt', 'a')[0]!.etag;
  const statusWith = async (tag: string) =>
    (await signed(s3.url, { path: '/bkt/a', headers: { 'if-match': tag } })).status;
  expect([await statusWith(etag), await statusWith(`"${etag}"`), await statusWith('other')]).toEqual([200, 412, 412]);
});
