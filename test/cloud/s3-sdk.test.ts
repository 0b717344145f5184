import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListPartsCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KEY, REGION, type RunningS3, startS3, TEMPORARY_KEY } from '../support/s3.ts';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

let s3: RunningS3;
let client: S3Client;
const clients: S3Client[] = [];
const Bucket = 'bkt';

function newClient(config: S3ClientConfig = {}): S3Client {
  const made = new S3Client({ region: REGION, endpoint: s3.url, credentials: KEY, maxAttempts: 1, ...config });
  clients.push(made);
  return made;
}

beforeAll(async () => {
  s3 = await startS3();
  client = newClient();
});

afterAll(async () => {
  for (const each of clients) each.destroy();
  await s3.close();
});

beforeEach(async () => {
  for (const { key } of s3.endpoint.list(Bucket, '')) await s3.endpoint.delete(Bucket, key);
});

async function textOf(Key: string): Promise<string | undefined> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
  return Body?.transformToString();
}

/** The name of the error a command ends with, and its status. */
async function refusal(promise: Promise<unknown>): Promise<{ name: string; status: number }> {
  const error = await promise.then(
    () => {
      throw new Error('it was not refused');
    },
    (reason) => reason,
  );
  return { name: error.name, status: error.$metadata?.httpStatusCode };
}

describe('the JavaScript SDK puts and gets', () => {
  it.each([
    ['a string', 'hello'],
    ['bytes', Buffer.from('hello')],
  ])('%s, with its default checksum', async (_, Body) => {
    const { ETag, ChecksumCRC32 } = await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body }));
    expect(ETag).toBe('"5d41402abc4b2a76b9719d911017c592"');
    expect(ChecksumCRC32).toBe('NhCmhg==');
    expect(await textOf('k')).toBe('hello');
  });

  it('a stream, whose framing is taken off', async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: Readable.from(['hel', 'lo']), ContentLength: 5 }));
    expect(s3.log.at(-1)).toMatchObject({ operation: 'PutObject', status: 200 });
    expect(s3.log.at(-1)!.bytesIn).toBeGreaterThan(5);
    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'k', ChecksumMode: 'ENABLED' }));
    expect(await got.Body?.transformToString()).toBe('hello');
    expect([got.ContentLength, got.ChecksumCRC32, got.ContentEncoding]).toEqual([5, 'NhCmhg==', undefined]);
  });

  it('more than 2 MiB, which it asks to continue for', async () => {
    const Body = Buffer.alloc(3 * 1024 * 1024, 'x');
    await client.send(new PutObjectCommand({ Bucket, Key: 'big', Body }));
    const { Body: got } = await client.send(new GetObjectCommand({ Bucket, Key: 'big' }));
    expect(Buffer.compare(Buffer.from(await got!.transformToByteArray()), Body)).toBe(0);
  });

  it.each(['CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const)('with %s', async (ChecksumAlgorithm) => {
    await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'hello', ChecksumAlgorithm }));
    await client.send(
      new PutObjectCommand({ Bucket, Key: 's', Body: Readable.from(['hello']), ContentLength: 5, ChecksumAlgorithm }),
    );
    expect([await textOf('k'), await textOf('s')]).toEqual(['hello', 'hello']);
  });

  it('an empty object, and a range of a full one', async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: 'empty', Body: '' }));
    await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'hello' }));
    expect(await textOf('empty')).toBe('');
    const part = await client.send(new GetObjectCommand({ Bucket, Key: 'k', Range: 'bytes=1-2' }));
    expect([part.$metadata.httpStatusCode, part.ContentRange]).toEqual([206, 'bytes 1-2/5']);
    expect(await part.Body?.transformToString()).toBe('el');
  });

  it('metadata', async () => {
    const said = {
      Metadata: { planet: 'one', 'Mixed-Case': 'Two' },
      ContentType: 'text/plain',
      CacheControl: 'max-age=5',
      ContentDisposition: 'inline',
      ContentLanguage: 'fr',
    };
    await client.send(
      new PutObjectCommand({
        Bucket,
        Key: 'k',
        Body: Readable.from(['x']),
        ContentLength: 1,
        ContentEncoding: 'br',
        ...said,
      }),
    );
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'k' }));
    expect(head).toMatchObject({ ...said, ContentEncoding: 'br', Metadata: { planet: 'one', 'mixed-case': 'Two' } });
  });

  it.each(['a b', 'a+b', 'é/ü', 'a//b', './../x', '../../etc/passwd', "q'!()*~", 'a%2Fb', '?#&=', '😀', 'a\tb'])(
    'the key %j',
    async (Key) => {
      await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
      expect(await textOf(Key)).toBe(Key);
      expect(s3.endpoint.list(Bucket, '').map(({ key }) => key)).toEqual([Key]);
      const { Contents } = await client.send(new ListObjectsCommand({ Bucket, EncodingType: 'url' }));
      expect(decodeURIComponent(Contents![0]!.Key!.replaceAll('+', ' '))).toBe(Key);
    },
  );
});

describe('the JavaScript SDK is refused', () => {
  it('with a wrong secret, an unknown key, a token that is missing or wrong', async () => {
    const tries = [
      [{ ...KEY, secretAccessKey: 'wrong' }, 'SignatureDoesNotMatch'],
      [{ ...KEY, accessKeyId: 'AKIAUNKNOWN' }, 'InvalidAccessKeyId'],
      [
        { accessKeyId: TEMPORARY_KEY.accessKeyId, secretAccessKey: TEMPORARY_KEY.secretAccessKey },
        'InvalidAccessKeyId',
      ],
      [{ ...TEMPORARY_KEY, sessionToken: 'wrong' }, 'InvalidToken'],
    ] as const;
    for (const [credentials, name] of tries) {
      const refused = await refusal(newClient({ credentials }).send(new ListObjectsCommand({ Bucket })));
      expect(refused.name).toBe(name);
    }
    await newClient({ credentials: TEMPORARY_KEY }).send(new ListObjectsCommand({ Bucket }));
  });

  it('where nothing is', async () => {
    const noKey = await refusal(client.send(new GetObjectCommand({ Bucket, Key: 'absent' })));
    const noBucket = await refusal(client.send(new ListObjectsCommand({ Bucket: 'absent' })));
    const noHead = await refusal(client.send(new HeadObjectCommand({ Bucket, Key: 'absent' })));
    expect([noKey.name, noBucket.name, noHead.name]).toEqual(['NoSuchKey', 'NoSuchBucket', 'NotFound']);
    expect((await refusal(client.send(new HeadBucketCommand({ Bucket: 'absent' })))).status).toBe(404);
  });

  it("in another account's bucket", async () => {
    const input = { Bucket, Key: 'k', Body: 'x' };
    await client.send(new PutObjectCommand({ ...input, ExpectedBucketOwner: '000000000000' }));
    const refused = await refusal(client.send(new PutObjectCommand({ ...input, ExpectedBucketOwner: '111111111111' })));
    expect(refused).toEqual({ name: 'AccessDenied', status: 403 });
  });
});

describe('conditions', () => {
  it('create only, replace only what is known', async () => {
    const create = () => client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'one', IfNoneMatch: '*' }));
    const { ETag } = await create();
    expect(await refusal(create())).toEqual({ name: 'PreconditionFailed', status: 412 });
    const replace = () => client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'two', IfMatch: ETag }));
    await replace();
    expect(await refusal(replace())).toEqual({ name: 'PreconditionFailed', status: 412 });
    expect(await textOf('k')).toBe('two');
    const absent = client.send(new PutObjectCommand({ Bucket, Key: 'absent', Body: 'x', IfMatch: ETag }));
    expect(await refusal(absent)).toEqual({ name: 'NoSuchKey', status: 404 });
  });

  it('exactly one of many who create at once succeeds', async () => {
    const tries = Array.from({ length: 8 }, (_, n) =>
      client.send(new PutObjectCommand({ Bucket, Key: 'lock', Body: `host ${n}`, IfNoneMatch: '*' })).then(
        () => n,
        () => undefined,
      ),
    );
    const winners = (await Promise.all(tries)).filter((n) => n !== undefined);
    expect(winners).toHaveLength(1);
    expect(await textOf('lock')).toBe(`host ${winners[0]}`);
  });

  it('reading only what changed', async () => {
    const { ETag } = await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'one' }));
    const unchanged = await refusal(client.send(new GetObjectCommand({ Bucket, Key: 'k', IfNoneMatch: ETag })));
    expect(unchanged.status).toBe(304);
    const other = await refusal(client.send(new GetObjectCommand({ Bucket, Key: 'k', IfMatch: '"other"' })));
    expect(other).toEqual({ name: 'PreconditionFailed', status: 412 });
  });
});

describe('lists', () => {
  const keys = ['a/1', 'a/2', 'b', 'c/1/x', 'c/2', 'd e+f', 'é', '\uffee', '😀'];

  beforeEach(async () => {
    for (const key of keys) await s3.endpoint.put(Bucket, key, { bytes: Buffer.from(key) });
  });

  it('page by page, in the order of UTF-8 bytes', async () => {
    const found: string[] = [];
    for await (const page of paginateListObjectsV2({ client, pageSize: 2 }, { Bucket })) {
      expect(page.Contents?.length).toBeLessThanOrEqual(2);
      found.push(...(page.Contents ?? []).map(({ Key }) => Key!));
    }
    expect(found).toEqual(keys);
  });

  it('page by page with a delimiter: no group twice', async () => {
    const found: string[] = [];
    for await (const page of paginateListObjectsV2({ client, pageSize: 1 }, { Bucket, Delimiter: '/' })) {
      found.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix!));
      found.push(...(page.Contents ?? []).map(({ Key }) => Key!));
    }
    expect(found).toEqual(['a/', 'b', 'c/', 'd e+f', 'é', '\uffee', '😀']);
  });

  it('version 1, with a marker', async () => {
    const found: string[] = [];
    let Marker: string | undefined;
    do {
      const page = await client.send(new ListObjectsCommand({ Bucket, Marker, MaxKeys: 2, Delimiter: '/' }));
      found.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix!));
      found.push(...(page.Contents ?? []).map(({ Key }) => Key!));
      Marker = page.IsTruncated ? page.NextMarker : undefined;
    } while (Marker !== undefined);
    expect(found).toHaveLength(7);
    expect(new Set(found)).toEqual(new Set(['a/', 'b', 'c/', 'd e+f', 'é', '\uffee', '😀']));
  });

  it('buckets and their places', async () => {
    await client.send(
      new CreateBucketCommand({ Bucket: 'second', CreateBucketConfiguration: { LocationConstraint: REGION } }),
    );
    const again = client.send(
      new CreateBucketCommand({ Bucket: 'second', CreateBucketConfiguration: { LocationConstraint: REGION } }),
    );
    expect((await refusal(again)).name).toBe('BucketAlreadyOwnedByYou');
    const { Buckets } = await client.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual(['bkt', 'second']);
    const { LocationConstraint } = await client.send(new GetBucketLocationCommand({ Bucket }));
    expect(LocationConstraint).toBe(REGION);
  });

  it('and deletes many at once', async () => {
    const Objects = [...keys, 'never was'].map((Key) => ({ Key }));
    const { Deleted, Errors } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect([Deleted?.length, Errors]).toEqual([keys.length + 1, undefined]);
    expect(s3.endpoint.list(Bucket, '')).toEqual([]);
  });
});

describe('copies', () => {
  it('with the metadata of the source, or with its own', async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: 'a b+é', Body: 'x', Metadata: { of: 'source' } }));
    const CopySource = `${Bucket}/${encodeURIComponent('a b+é')}`;
    await client.send(new CopyObjectCommand({ Bucket, Key: 'kept', CopySource }));
    const replaced = { MetadataDirective: 'REPLACE', Metadata: { of: 'copy' } } as const;
    await client.send(new CopyObjectCommand({ Bucket, Key: 'own', CopySource, ...replaced }));
    const kept = await client.send(new HeadObjectCommand({ Bucket, Key: 'kept' }));
    const own = await client.send(new HeadObjectCommand({ Bucket, Key: 'own' }));
    expect([kept.Metadata, own.Metadata]).toEqual([{ of: 'source' }, { of: 'copy' }]);
    expect(await textOf('own')).toBe('x');
    const onItself = client.send(new CopyObjectCommand({ Bucket, Key: 'a b+é', CopySource }));
    expect((await refusal(onItself)).name).toBe('InvalidRequest');
  });
});

describe('an upload in parts', () => {
  const Key = 'whole';
  const MIB = 1024 * 1024;

  it('is put together, with a composite checksum', async () => {
    const { UploadId } = await client.send(
      new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'CRC32', Metadata: { of: 'parts' } }),
    );
    const bodies = [Buffer.alloc(5 * MIB, 'a'), Buffer.alloc(5 * MIB, 'b'), Buffer.from('c')];
    const Parts = [];
    for (const [index, Body] of bodies.entries()) {
      const PartNumber = index + 1;
      const part = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
      Parts.push({ PartNumber, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 });
    }
    const listed = await client.send(new ListPartsCommand({ Bucket, Key, UploadId, MaxParts: 2 }));
    expect(listed.Parts?.map(({ Size }) => Size)).toEqual([5 * MIB, 5 * MIB]);
    expect([listed.IsTruncated, listed.NextPartNumberMarker]).toEqual([true, '2']);
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    expect(Uploads?.map((upload) => upload.UploadId)).toEqual([UploadId]);

    const end = { Bucket, Key, UploadId };
    const wrongOrder = client.send(
      new CompleteMultipartUploadCommand({ ...end, MultipartUpload: { Parts: [...Parts].reverse() } }),
    );
    expect((await refusal(wrongOrder)).name).toBe('InvalidPartOrder');
    const done = await client.send(new CompleteMultipartUploadCommand({ ...end, MultipartUpload: { Parts } }));
    expect(done.ETag).toMatch(/^"[0-9a-f]{32}-3"$/);
    expect(done.ChecksumCRC32).toMatch(/-3$/);
    const got = await client.send(new GetObjectCommand({ Bucket, Key }));
    expect(got.Metadata).toEqual({ of: 'parts' });
    expect(Buffer.compare(Buffer.from(await got.Body!.transformToByteArray()), Buffer.concat(bodies))).toBe(0);
    expect((await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads).toBeUndefined();
  });

  it('has one checksum of the whole when that was asked for', async () => {
    const type = { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } as const;
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...type }));
    const part = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'hello' }));
    const Parts = [{ PartNumber: 1, ETag: part.ETag }];
    const end = { Bucket, Key, UploadId, MultipartUpload: { Parts }, ChecksumType: 'FULL_OBJECT' } as const;
    const wrong = client.send(new CompleteMultipartUploadCommand({ ...end, ChecksumCRC32: 'AAAAAA==' }));
    expect((await refusal(wrong)).name).toBe('BadDigest');
    const done = await client.send(new CompleteMultipartUploadCommand({ ...end, ChecksumCRC32: 'NhCmhg==' }));
    expect(done.ChecksumCRC32).toBe('NhCmhg==');
  });

  it('may take parts from other objects, but none too small', async () => {
    await s3.endpoint.put(Bucket, 'source', { bytes: Buffer.from('0123456789') });
    const plain = newClient({ requestChecksumCalculation: 'WHEN_REQUIRED' });
    const { UploadId } = await plain.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const Parts = [];
    for (const [index, CopySourceRange] of ['bytes=0-3', 'bytes=4-9'].entries()) {
      const PartNumber = index + 1;
      const input = { Bucket, Key, UploadId, PartNumber, CopySource: 'bkt/source', CopySourceRange };
      Parts.push({ PartNumber, ETag: (await plain.send(new UploadPartCopyCommand(input))).CopyPartResult?.ETag });
    }
    const end = { Bucket, Key, UploadId };
    const small = plain.send(new CompleteMultipartUploadCommand({ ...end, MultipartUpload: { Parts } }));
    expect((await refusal(small)).name).toBe('EntityTooSmall');
    await plain.send(new CompleteMultipartUploadCommand({ ...end, MultipartUpload: { Parts: [Parts[1]!] } }));
    expect(await textOf(Key)).toBe('456789');
  });

  it('leaves nothing when it is aborted', async () => {
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'x' }));
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    const late = client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'x' }));
    expect((await refusal(late)).name).toBe('NoSuchUpload');
    expect((await refusal(client.send(new HeadObjectCommand({ Bucket, Key })))).status).toBe(404);
  });
});
