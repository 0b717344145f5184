import { invalidArgument } from './errors.ts';
import { type ListingPage, listPage } from './listing.ts';
import type { Bucket, StoredObject } from './objects.ts';
import { type Call, isoTime, owner, quoted, type Reply } from './operation.ts';
import type { S3Request } from './request.ts';
import { result, type XmlFields } from './xml.ts';

const VERSION_2_WORDS = ['list-type', 'continuation-token', 'start-after', 'fetch-owner'];

/** What both versions ask and answer alike. */
interface Asked {
  readonly prefix: string;
  readonly delimiter: string;
  readonly maxKeys: number;
  readonly encoding: 'url' | undefined;
  /** A key as the answer writes it. */
  readonly text: (key: string) => string;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html */
export function listObjects({ request, store, bucket: name, accountId, pageKeys }: Call): Reply {
  const asked = readAsked(request, pageKeys);
  const bucket = store.bucket(name);
  const marker = request.parameter('marker') ?? '';
  const page = listPage(bucket.keys, { ...asked, after: marker });
  const body = result('ListBucketResult', {
    Name: name,
    Prefix: asked.text(asked.prefix),
    Marker: asked.text(marker),
    ...common(asked, page),
    // Without a delimiter the client goes on from the last key it got.
    NextMarker: page.next === undefined || asked.delimiter === '' ? undefined : asked.text(page.next),
    ...entries(bucket, page, asked, owner(accountId)),
  });
  return { status: 200, body };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
export function listObjectsV2({ request, store, bucket: name, accountId, pageKeys }: Call): Reply {
  const asked = readAsked(request, pageKeys);
  const bucket = store.bucket(name);
  const startAfter = request.parameter('start-after');
  const token = request.parameter('continuation-token');
  const version = request.parameter('list-type') ?? '';
  if (version !== '2') throw invalidArgument('list-type', version, 'Invalid List Type specified in Request');
  const after = token === undefined ? (startAfter ?? '') : readToken(token);
  const page = listPage(bucket.keys, { ...asked, after });
  const body = result('ListBucketResult', {
    Name: name,
    Prefix: asked.text(asked.prefix),
    StartAfter: startAfter === undefined ? undefined : asked.text(startAfter),
    ContinuationToken: token,
    NextContinuationToken: page.next === undefined ? undefined : writeToken(page.next),
    KeyCount: page.keys.length + page.commonPrefixes.length,
    ...common(asked, page),
    ...entries(bucket, page, asked, request.parameter('fetch-owner') === 'true' ? owner(accountId) : undefined),
  });
  return { status: 200, body };
}

/** The request as a store reads it that was written before 2016: what it does not know it does not hear. */
export function asVersion1(request: S3Request): S3Request {
  const query = request.query.filter(([name]) => !VERSION_2_WORDS.includes(name));
  const parameters = new Map(query);
  return { ...request, query, parameter: (name) => parameters.get(name) };
}

function readAsked(request: S3Request, pageKeys: number): Asked {
  const encoding = readEncoding(request);
  return {
    prefix: request.parameter('prefix') ?? '',
    delimiter: request.parameter('delimiter') ?? '',
    maxKeys: readCount(request, 'max-keys', pageKeys),
    encoding,
    text: encoding === 'url' ? encodeListed : (key) => key,
  };
}

export function readEncoding(request: S3Request): 'url' | undefined {
  const encoding = request.parameter('encoding-type');
  if (encoding === undefined || encoding === 'url') return encoding;
  throw invalidArgument('encoding-type', encoding, 'Invalid Encoding Method specified in Request');
}

/** A parameter that says how many entries a page may have; more than `most` is `most`. */
export function readCount(request: S3Request, name: string, most: number): number {
  const text = request.parameter(name);
  if (text === undefined || text === '') return most;
  if (/^\d{1,10}$/.test(text) && Number(text) <= 2_147_483_647) return Math.min(Number(text), most);
  throw invalidArgument(name, text, `Provided ${name} not an integer or within integer range`);
}

/** As S3 encodes listed keys: a form's rules, where a space is a plus, but slashes and stars stay. */
export function encodeListed(key: string): string {
  return encodeURIComponent(key)
    .replace(/[!'()~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/')
    .replaceAll('%20', '+');
}

function common(asked: Asked, page: ListingPage): XmlFields {
  return {
    MaxKeys: asked.maxKeys,
    Delimiter: asked.delimiter === '' ? undefined : asked.text(asked.delimiter),
    EncodingType: asked.encoding,
    IsTruncated: page.next !== undefined,
  };
}

function entries(bucket: Bucket, page: ListingPage, { text }: Asked, Owner: XmlFields | undefined): XmlFields {
  return {
    Contents: page.keys.map((key) => entry(bucket.get(key)!, text, Owner)),
    CommonPrefixes: page.commonPrefixes.map((prefix) => ({ Prefix: text(prefix) })),
  };
}

function entry(object: StoredObject, text: Asked['text'], Owner: XmlFields | undefined): XmlFields {
  return {
    Key: text(object.key),
    LastModified: isoTime(object.lastModified),
    ETag: quoted(object.etag),
    ChecksumAlgorithm: object.checksum?.algorithm,
    ChecksumType: object.checksum?.type,
    Size: object.content.size,
    Owner,
    StorageClass: 'STANDARD',
  };
}

/** Opaque to clients, and told apart from a key that somebody put there. */
function writeToken(last: string): string {
  return Buffer.from(`after:${last}`).toString('base64url');
}

function readToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (!text.startsWith('after:')) {
    throw invalidArgument('continuation-token', token, 'The continuation token provided is incorrect');
  }
  return text.slice('after:'.length);
}
