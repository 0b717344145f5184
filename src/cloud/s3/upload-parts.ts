import { type Algorithm, algorithmNamed, type ChecksumType, checksumHeaders, expectedChecksum } from './checksums.ts';
import type { ByteRange } from './content.ts';
import { readCopySource, sourceObject } from './copy-object.ts';
import { invalidArgument, notImplemented, S3Error } from './errors.ts';
import type { Upload } from './multipart.ts';
import type { StoredObject } from './objects.ts';
import { type Call, isoTime, quoted, type Reply } from './operation.ts';
import { checkKey, metadataOf } from './put-object.ts';
import type { S3Request } from './request.ts';
import { result } from './xml.ts';

const MOST_PARTS = 10_000;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html */
export function createMultipartUpload({ request, store, uploads, bucket, key }: Call): Reply {
  checkKey(key);
  store.bucket(bucket);
  const checksum = wantedChecksum(request);
  const upload = uploads.begin({ bucket, key, headers: metadataOf(request), checksum });
  const body = result('InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: upload.id });
  const said = checksum ? { 'x-amz-checksum-algorithm': checksum.algorithm, 'x-amz-checksum-type': checksum.type } : {};
  return { status: 200, headers: said, body };
}

/** Which kinds go together: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html */
function wantedChecksum(request: S3Request): { algorithm: Algorithm; type: ChecksumType } | undefined {
  const named = request.header('x-amz-checksum-algorithm');
  const type = request.header('x-amz-checksum-type')?.toUpperCase();
  if (named === undefined && type === undefined) return undefined;
  const algorithm = algorithmNamed(named ?? 'CRC64NVME');
  if (type === 'FULL_OBJECT' && !algorithm.startsWith('SHA')) return { algorithm, type };
  if ((type ?? 'COMPOSITE') === 'COMPOSITE' && algorithm !== 'CRC64NVME') return { algorithm, type: 'COMPOSITE' };
  if (type === undefined) return { algorithm, type: 'FULL_OBJECT' };
  throw new S3Error('InvalidRequest', {
    message: `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
  });
}

export function findUpload({ request, store, uploads, bucket, key }: Call): Upload {
  store.bucket(bucket);
  return uploads.find(bucket, key, request.parameter('uploadId') ?? '');
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html */
export async function uploadPart(call: Call): Promise<Reply> {
  const upload = findUpload(call);
  const number = partNumber(call.request);
  const sent = expectedChecksum(call.request.header)?.algorithm;
  if (upload.checksum && upload.checksum.algorithm !== sent) {
    const types = `expected checksum Type: ${upload.checksum.algorithm.toLowerCase()}, actual checksum Type: ${sent?.toLowerCase() ?? 'null'}`;
    throw new S3Error('InvalidRequest', { message: `Checksum Type mismatch occurred, ${types}` });
  }
  const body = call.body();
  const content = await call.store.contents.write(body.chunks);
  const checksum = body.checksum();
  await call.uploads.keep(upload, { number, content, checksum });
  const { 'x-amz-checksum-type': _, ...headers } = checksumHeaders(checksum);
  return { status: 200, headers: { etag: quoted(content.md5), ...headers } };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html */
export async function uploadPartCopy(call: Call): Promise<Reply> {
  const upload = findUpload(call);
  const number = partNumber(call.request);
  if (upload.checksum) throw notImplemented('UploadPartCopy into an upload with a checksum algorithm');
  const original = sourceObject(call, readCopySource(call));
  const range = copyRange(call.request, original);
  const content = await call.store.contents.write(call.store.contents.read(original.content, range));
  const part = await call.uploads.keep(upload, { number, content, checksum: undefined });
  const body = result('CopyPartResult', { LastModified: isoTime(part.lastModified), ETag: quoted(content.md5) });
  return { status: 200, body };
}

function partNumber(request: S3Request): number {
  const text = request.parameter('partNumber') ?? '';
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= MOST_PARTS) return number;
  throw invalidArgument('partNumber', text, `Part number must be an integer between 1 and ${MOST_PARTS}, inclusive`);
}

function copyRange(request: S3Request, { content }: StoredObject): ByteRange | undefined {
  const header = request.header('x-amz-copy-source-range');
  if (header === undefined) return undefined;
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header);
  const range = { first: Number(match?.[1]), last: Number(match?.[2]) };
  if (range.first <= range.last && range.last < content.size) return range;
  throw invalidArgument(
    'x-amz-copy-source-range',
    header,
    `Range specified is not valid for source object of size: ${content.size}`,
  );
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html */
export async function abortMultipartUpload(call: Call): Promise<Reply> {
  const upload = findUpload(call);
  call.uploads.close(upload);
  await call.uploads.discardParts(upload);
  return { status: 204 };
}
