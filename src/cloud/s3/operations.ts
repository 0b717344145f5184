import { createBucket, getBucketLocation, headBucket, listBuckets } from './buckets.ts';
import { completeMultipartUpload } from './complete-upload.ts';
import { copyObject } from './copy-object.ts';
import { deleteObject, deleteObjects } from './delete-objects.ts';
import { notImplemented, S3Error } from './errors.ts';
import { getObject, headObject, OVERRIDE_PARAMETERS } from './get-object.ts';
import { listObjects, listObjectsV2 } from './list-objects.ts';
import { listMultipartUploads, listParts } from './list-uploads.ts';
import type { Call, Reply } from './operation.ts';
import { putObject } from './put-object.ts';
import type { S3Request } from './request.ts';
import { abortMultipartUpload, createMultipartUpload, uploadPart, uploadPartCopy } from './upload-parts.ts';

type Level = 'service' | 'bucket' | 'object';

export interface Operation {
  readonly name: string;
  readonly method: string;
  readonly level: Level;
  /** The query's words that make a request this operation. */
  readonly select?: readonly string[];
  /** Further words of the query that it understands. */
  readonly parameters?: readonly string[];
  /** Whether the request says `x-amz-copy-source`. */
  readonly copies?: boolean;
  /** Open to anonymous requests where the endpoint is. */
  readonly reads?: boolean;
  readonly handle: (call: Call) => Reply | Promise<Reply>;
}

const LISTING = ['prefix', 'delimiter', 'max-keys', 'encoding-type'];

/** To add an operation: a row here and its function. Nothing else decides what a request is. */
const OPERATIONS: readonly Operation[] = [
  { name: 'ListBuckets', method: 'GET', level: 'service', handle: listBuckets },
  { name: 'CreateBucket', method: 'PUT', level: 'bucket', handle: createBucket },
  { name: 'HeadBucket', method: 'HEAD', level: 'bucket', reads: true, handle: headBucket },
  { name: 'GetBucketLocation', method: 'GET', level: 'bucket', select: ['location'], handle: getBucketLocation },
  {
    name: 'ListObjectsV2',
    method: 'GET',
    level: 'bucket',
    select: ['list-type'],
    parameters: [...LISTING, 'continuation-token', 'start-after', 'fetch-owner'],
    reads: true,
    handle: listObjectsV2,
  },
  {
    name: 'ListMultipartUploads',
    method: 'GET',
    level: 'bucket',
    select: ['uploads'],
    parameters: ['prefix', 'key-marker', 'upload-id-marker', 'max-uploads', 'encoding-type'],
    handle: listMultipartUploads,
  },
  {
    name: 'ListObjects',
    method: 'GET',
    level: 'bucket',
    parameters: [...LISTING, 'marker'],
    reads: true,
    handle: listObjects,
  },
  { name: 'DeleteObjects', method: 'POST', level: 'bucket', select: ['delete'], handle: deleteObjects },
  {
    name: 'ListParts',
    method: 'GET',
    level: 'object',
    select: ['uploadId'],
    parameters: ['max-parts', 'part-number-marker'],
    handle: listParts,
  },
  {
    name: 'GetObject',
    method: 'GET',
    level: 'object',
    parameters: OVERRIDE_PARAMETERS,
    reads: true,
    handle: getObject,
  },
  {
    name: 'HeadObject',
    method: 'HEAD',
    level: 'object',
    parameters: OVERRIDE_PARAMETERS,
    reads: true,
    handle: headObject,
  },
  {
    name: 'UploadPartCopy',
    method: 'PUT',
    level: 'object',
    select: ['uploadId', 'partNumber'],
    copies: true,
    handle: uploadPartCopy,
  },
  { name: 'UploadPart', method: 'PUT', level: 'object', select: ['uploadId', 'partNumber'], handle: uploadPart },
  { name: 'CopyObject', method: 'PUT', level: 'object', copies: true, handle: copyObject },
  { name: 'PutObject', method: 'PUT', level: 'object', handle: putObject },
  {
    name: 'AbortMultipartUpload',
    method: 'DELETE',
    level: 'object',
    select: ['uploadId'],
    handle: abortMultipartUpload,
  },
  { name: 'DeleteObject', method: 'DELETE', level: 'object', handle: deleteObject },
  {
    name: 'CreateMultipartUpload',
    method: 'POST',
    level: 'object',
    select: ['uploads'],
    handle: createMultipartUpload,
  },
  {
    name: 'CompleteMultipartUpload',
    method: 'POST',
    level: 'object',
    select: ['uploadId'],
    handle: completeMultipartUpload,
  },
];

/**
 * Headers that would change what an operation means. Where values are given they mean what happens here anyway, and are
 * welcome; every other value is refused.
 */
const REFUSED_HEADERS: readonly (readonly [prefix: string, welcome: readonly string[]])[] = [
  ['x-amz-acl', ['private', 'bucket-owner-full-control']],
  ['x-amz-storage-class', ['STANDARD']],
  ['x-amz-tagging-directive', ['COPY']],
  ['x-amz-grant-', []],
  ['x-amz-server-side-encryption', []],
  ['x-amz-copy-source-server-side-encryption', []],
  ['x-amz-tagging', []],
  ['x-amz-object-lock-', []],
  ['x-amz-bucket-object-lock-', []],
  ['x-amz-website-redirect-location', []],
  ['x-amz-write-offset-bytes', []],
  ['x-amz-rename-source', []],
  ['x-amz-mfa', []],
  ['x-amz-if-match-', []],
];

/** The operation a request is, or undefined: then `operationName` still says what it would be called. */
export function findOperation(request: S3Request): Operation | undefined {
  const copies = request.header('x-amz-copy-source') !== undefined;
  const words = queryWords(request);
  return OPERATIONS.find((operation) => {
    const { method, level, select = [], parameters = [] } = operation;
    if (method !== request.method || level !== levelOf(request) || (operation.copies ?? false) !== copies) return false;
    return (
      select.every((word) => words.includes(word)) &&
      words.every((word) => select.includes(word) || parameters.includes(word))
    );
  });
}

/** For the log and for refusals: S3's name where it follows the pattern, `POST Bucket` where there is none. */
export function operationName(request: S3Request): string {
  const operation = findOperation(request);
  if (operation) return operation.name;
  const level = pascal(levelOf(request));
  const words = queryWords(request);
  const known = ['versionId', ...OPERATIONS.flatMap(({ select = [], parameters = [] }) => [...select, ...parameters])];
  const subresource = words.find((word) => !known.includes(word));
  if (subresource === 'versions' && request.method === 'GET') return 'ListObjectVersions';
  return `${pascal(request.method.toLowerCase())}${level}${subresource ? pascal(subresource) : ''}`;
}

export function refuseUnknown(request: S3Request): never {
  if (!['GET', 'HEAD', 'PUT', 'POST', 'DELETE'].includes(request.method)) throw new S3Error('MethodNotAllowed');
  const words = queryWords(request);
  throw notImplemented(`${operationName(request)}${words.length > 0 ? ` (query: ${words.join(', ')})` : ''}`);
}

export function refuseHeaders(request: S3Request): void {
  const names = new Set([
    ...Object.keys(request.incoming.headers),
    ...request.query.map(([name]) => name.toLowerCase()),
  ]);
  for (const name of names) {
    const rule = REFUSED_HEADERS.find(([prefix]) => name.startsWith(prefix));
    const value = rule && request.header(name);
    if (value !== undefined && !rule![1].includes(value)) throw notImplemented(`${name}: ${value}`, { Header: name });
  }
}

function levelOf({ bucket, key }: S3Request): Level {
  if (bucket === undefined) return 'service';
  return key === undefined ? 'bucket' : 'object';
}

/** `x-id` is a note of the SDKs to themselves; what begins with X-Amz- belongs to the signature. */
function queryWords(request: S3Request): readonly string[] {
  const signed = request.parameter('X-Amz-Signature') !== undefined;
  return request.query.map(([name]) => name).filter((name) => name !== 'x-id' && !(signed && /^x-amz-/i.test(name)));
}

function pascal(word: string): string {
  return word.replace(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9]?)/g, (_, first: string) => first.toUpperCase());
}
