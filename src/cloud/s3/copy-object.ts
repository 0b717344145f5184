import { algorithmNamed, type Checksum, newHash } from './checksums.ts';
import { failed, judge, readConditions, writePrecondition } from './conditions.ts';
import { invalidArgument, notImplemented, S3Error } from './errors.ts';
import type { StoredObject } from './objects.ts';
import { type Call, checksumFields, isoTime, quoted, type Reply } from './operation.ts';
import { checkKey, metadataOf } from './put-object.ts';
import { result } from './xml.ts';

export interface CopySource {
  readonly bucket: string;
  readonly key: string;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html */
export async function copyObject(call: Call): Promise<Reply> {
  const { request, store, bucket, key } = call;
  checkKey(key);
  const source = readCopySource(call);
  const original = sourceObject(call, source);
  const replace = readDirective(call) === 'REPLACE';
  if (!replace && source.bucket === bucket && source.key === key) {
    throw new S3Error('InvalidRequest', {
      message:
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    });
  }
  const precondition = writePrecondition(request);
  precondition(store.bucket(bucket).get(key));
  const headers = replace ? metadataOf(request) : original.headers;
  const { content, checksum } = await copyContent(call, original);
  const object = await store.commit(bucket, { key, content, etag: content.md5, headers, checksum }, precondition);
  const body = result('CopyObjectResult', {
    LastModified: isoTime(object.lastModified),
    ETag: quoted(object.etag),
    ...checksumFields(checksum),
  });
  return { status: 200, body };
}

/** `/bucket/key` or `bucket/key`, percent-encoded. */
export function readCopySource({ request, accountId }: Call): CopySource {
  const header = request.header('x-amz-copy-source') ?? '';
  const wanted = request.header('x-amz-source-expected-bucket-owner');
  if (wanted !== undefined && wanted !== accountId) throw new S3Error('AccessDenied');
  if (header.startsWith('arn:')) throw notImplemented('access points as a copy source');
  if (/\?versionId=/.test(header)) throw notImplemented('versions of objects');
  const match = /^\/?([^/]+)\/(.+)$/s.exec(decodeSource(header));
  if (!match) {
    throw invalidArgument(
      'x-amz-copy-source',
      header,
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
    );
  }
  return { bucket: match[1]!, key: match[2]! };
}

function decodeSource(header: string): string {
  try {
    return decodeURIComponent(header);
  } catch {
    throw invalidArgument('x-amz-copy-source', header, 'Invalid copy source encoding.');
  }
}

/** A failed condition on the source is always 412; there is no 304 for a copy. */
export function sourceObject({ request, store, permit }: Call, source: CopySource): StoredObject {
  permit.object('s3:GetObject', source.bucket, source.key);
  const object = store.object(source.bucket, source.key);
  const verdict = judge(object, readConditions(request, 'x-amz-copy-source-'));
  if (verdict === 'not-modified') throw failed('x-amz-copy-source-If-None-Match');
  if (verdict !== 'met') throw failed(`x-amz-copy-source-${verdict.failed}`);
  return object;
}

function readDirective({ request }: Call): string {
  const directive = request.header('x-amz-metadata-directive') ?? 'COPY';
  if (directive === 'COPY' || directive === 'REPLACE') return directive;
  throw invalidArgument('x-amz-metadata-directive', directive, 'Unknown metadata directive.');
}

/** The copy has one part, so a composite checksum of its source does not stand for it. */
async function copyContent(call: Call, original: StoredObject) {
  const asked = call.request.header('x-amz-checksum-algorithm');
  const algorithm = asked === undefined ? undefined : algorithmNamed(asked);
  const hash = algorithm && newHash(algorithm);
  const source = call.store.contents.read(original.content);
  async function* hashed(): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      hash?.update(chunk);
      yield chunk;
    }
  }
  const content = await call.store.contents.write(hashed());
  const inherited = original.checksum?.type === 'FULL_OBJECT' ? original.checksum : undefined;
  const checksum: Checksum | undefined =
    algorithm && hash ? { algorithm, value: hash.digest().toString('base64'), type: 'FULL_OBJECT' } : inherited;
  return { content, checksum };
}
