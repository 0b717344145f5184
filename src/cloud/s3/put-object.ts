import { checksumHeaders } from './checksums.ts';
import { writePrecondition } from './conditions.ts';
import { invalidArgument, S3Error } from './errors.ts';
import { type Call, quoted, type Reply } from './operation.ts';
import type { S3Request } from './request.ts';

const KEPT = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
];
const META = 'x-amz-meta-';
const LONGEST_METADATA = 2_048;
const LONGEST_KEY = 1_024;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html */
export async function putObject(call: Call): Promise<Reply> {
  const { request, store, bucket, key } = call;
  checkKey(key);
  const headers = metadataOf(request);
  const precondition = writePrecondition(request);
  // Asked once before the body is read, to save it the way, and once when it counts.
  precondition(store.bucket(bucket).get(key));
  const body = call.body();
  const content = await store.contents.write(body.chunks);
  const checksum = body.checksum();
  const object = await store.commit(bucket, { key, content, etag: content.md5, headers, checksum }, precondition);
  return { status: 200, headers: { etag: quoted(object.etag), ...checksumHeaders(checksum) } };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
export function checkKey(key: string): void {
  const size = Buffer.byteLength(key);
  if (size > LONGEST_KEY) {
    throw new S3Error('KeyTooLongError', { fields: { Size: String(size), MaxSizeAllowed: String(LONGEST_KEY) } });
  }
}

/** What comes back with the object. `aws-chunked` is an encoding of the way, not of the object. */
export function metadataOf(request: S3Request): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'binary/octet-stream' };
  for (const name of KEPT) {
    const value = request.header(name);
    if (value) headers[name] = value;
  }
  const encodings = headers['content-encoding']?.split(',').map((word) => word.trim());
  const kept = encodings?.filter((word) => word !== 'aws-chunked' && word !== '').join(',');
  if (kept) headers['content-encoding'] = kept;
  else delete headers['content-encoding'];
  return { ...headers, ...userMetadata(request) };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html */
function userMetadata(request: S3Request): Record<string, string> {
  const names = [...Object.keys(request.incoming.headers), ...request.query.map(([name]) => name.toLowerCase())];
  const metadata: Record<string, string> = {};
  let size = 0;
  for (const name of new Set(names)) {
    const value = name.startsWith(META) ? request.header(name) : undefined;
    if (value === undefined) continue;
    checkHeader(name, value);
    metadata[name] = value;
    size += name.length - META.length + value.length;
  }
  if (size > LONGEST_METADATA) {
    throw new S3Error('MetadataTooLarge', { fields: { Size: String(size), MaxSizeAllowed: String(LONGEST_METADATA) } });
  }
  return metadata;
}

/** Metadata of a presigned request comes from its query, where HTTP has not looked at it: it must be able to go back as a header. */
function checkHeader(name: string, value: string): void {
  if (/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name) && !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) return;
  throw invalidArgument(name, value, 'Metadata must be valid as an HTTP header');
}
