import type { Readable } from 'node:stream';
import { checksumHeaders } from './checksums.ts';
import { failed, isAfter, judge, matchesTag, readConditions } from './conditions.ts';
import type { ByteRange } from './content.ts';
import { S3Error } from './errors.ts';
import type { StoredObject } from './objects.ts';
import { type Call, quoted, type Reply } from './operation.ts';
import type { S3Request } from './request.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html */
export function getObject(call: Call): Reply {
  return answer(call, (object, range) => call.store.contents.read(object.content, range));
}

/** The same without the content. */
export function headObject(call: Call): Reply {
  return answer(call, () => undefined);
}

type Read = (object: StoredObject, range: ByteRange | undefined) => Readable | undefined;

function answer(call: Call, read: Read): Reply {
  const { request } = call;
  const object = call.store.object(call.bucket, call.key);
  const verdict = judge(object, readConditions(request), call.tags);
  if (typeof verdict === 'object') throw failed(verdict.failed);
  const headers = { ...objectHeaders(object), ...overrides(call) };
  if (verdict === 'not-modified') return { status: 304, headers: unchanged(headers) };
  const range = askedRange(request, object);
  const checksum = request.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED' && !range;
  const content = read(object, range);
  const reply = {
    status: range ? 206 : 200,
    headers: {
      ...headers,
      ...(checksum ? checksumHeaders(object.checksum) : {}),
      ...(range ? { 'content-range': `bytes ${range.first}-${range.last}/${object.content.size}` } : {}),
      'content-length': range ? range.last - range.first + 1 : object.content.size,
    },
  };
  return content ? { ...reply, body: content } : reply;
}

function objectHeaders(object: StoredObject): Record<string, string> {
  return {
    ...object.headers,
    etag: quoted(object.etag),
    'last-modified': new Date(object.lastModified).toUTCString(),
    'accept-ranges': 'bytes',
  };
}

/** RFC 9110 §15.4.5: a 304 says what a cache needs and nothing about a content it does not have. */
function unchanged(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept = ['etag', 'last-modified', 'cache-control', 'expires'];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => kept.includes(name)));
}

const OVERRIDES = [
  'content-type',
  'content-language',
  'expires',
  'cache-control',
  'content-disposition',
  'content-encoding',
];
export const OVERRIDE_PARAMETERS: readonly string[] = OVERRIDES.map((name) => `response-${name}`);

function overrides({ request, anonymous }: Call): Record<string, string> {
  const asked = OVERRIDES.map((name) => [name, request.parameter(`response-${name}`)] as const);
  const given = asked.filter((pair): pair is readonly [string, string] => pair[1] !== undefined);
  if (given.length > 0 && anonymous) {
    const message = 'Request specific response headers cannot be used for anonymous GET requests.';
    throw new S3Error('InvalidRequest', { message });
  }
  for (const [name, value] of given) {
    if (/[^\t\x20-\x7e]/.test(value))
      throw new S3Error('InvalidArgument', { message: `response-${name} is not a header` });
  }
  return Object.fromEntries(given);
}

function askedRange(request: S3Request, object: StoredObject): ByteRange | undefined {
  const header = request.header('range');
  const ifRange = request.header('if-range');
  if (header === undefined || (ifRange !== undefined && !stillSame(object, ifRange))) return undefined;
  return readRange(header, object.content.size);
}

function stillSame(object: StoredObject, ifRange: string): boolean {
  return matchesTag(ifRange, object.etag) || isAfter(object.lastModified, ifRange) === false;
}

/**
 * undefined: no range, or one S3 does not serve (another unit, several ranges), which is answered whole (RFC 9110 §14.2).
 */
function readRange(header: string, size: number): ByteRange | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.replace(/\s/g, ''));
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [, from, to] = match;
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined;
  if (first <= last) return { first, last };
  throw new S3Error('InvalidRange', {
    fields: { RangeRequested: header, ActualObjectSize: String(size) },
    headers: { 'content-range': `bytes */${size}` },
  });
}
