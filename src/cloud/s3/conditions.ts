import { notImplemented, S3Error } from './errors.ts';
import type { Precondition, StoredObject } from './objects.ts';
import type { S3Request } from './request.ts';

/** The four headers of RFC 9110 §13.1, or their namesakes for the source of a copy. */
export interface ReadConditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
  readonly ifUnmodifiedSince: string | undefined;
}

/** `bare`: the header must be the tag without its quotes, as Walrus compares them. */
export type TagRule = 'quoted or bare' | 'bare';

export type Verdict = 'met' | 'not-modified' | { readonly failed: string };

export function readConditions(request: S3Request, prefix = ''): ReadConditions {
  return {
    ifMatch: request.header(`${prefix}if-match`),
    ifNoneMatch: request.header(`${prefix}if-none-match`),
    ifModifiedSince: request.header(`${prefix}if-modified-since`),
    ifUnmodifiedSince: request.header(`${prefix}if-unmodified-since`),
  };
}

/**
 * An entity tag decides over a date: If-Match that holds silences If-Unmodified-Since, If-None-Match silences
 * If-Modified-Since. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
export function judge(object: StoredObject, conditions: ReadConditions, tags: TagRule = 'quoted or bare'): Verdict {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  if (ifMatch !== undefined) {
    const same = tags === 'bare' ? ifMatch === object.etag : matchesTag(ifMatch, object.etag);
    if (!same) return { failed: 'If-Match' };
  } else if (isAfter(object.lastModified, ifUnmodifiedSince) === true) return { failed: 'If-Unmodified-Since' };
  if (ifNoneMatch !== undefined) return matchesTag(ifNoneMatch, object.etag) ? 'not-modified' : 'met';
  return isAfter(object.lastModified, ifModifiedSince) === false ? 'not-modified' : 'met';
}

export function failed(condition: string): S3Error {
  return new S3Error('PreconditionFailed', { fields: { Condition: condition } });
}

/**
 * For what writes or deletes: `If-None-Match: *` (create only) and `If-Match` (replace only what is known).
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export function writePrecondition(request: S3Request): Precondition {
  const ifNoneMatch = request.header('if-none-match');
  const ifMatch = request.header('if-match');
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') throw notImplemented('If-None-Match other than * on a write');
  if (ifNoneMatch !== undefined && ifMatch !== undefined)
    throw notImplemented('If-Match with If-None-Match on a write');
  return (present) => {
    if (ifNoneMatch !== undefined && present) throw failed('If-None-Match');
    if (ifMatch === undefined) return;
    if (!present) throw new S3Error('NoSuchKey');
    if (!matchesTag(ifMatch, present.etag)) throw failed('If-Match');
  };
}

/** A write as a store takes it that does not know conditions: as if they were not there, or not at all. */
export function withoutConditions(request: S3Request, how: 'ignored' | 'refused'): S3Request {
  const conditions = ['if-none-match', 'if-match'];
  if (request.method === 'GET' || request.method === 'HEAD') return request;
  if (how === 'refused' && conditions.some((name) => request.header(name) !== undefined))
    throw notImplemented('conditions on writes');
  return { ...request, header: (name) => (conditions.includes(name) ? undefined : request.header(name)) };
}

/** Clients send the tag with quotes, without, weak, or several with commas between. */
export function matchesTag(header: string, etag: string): boolean {
  return header.split(',').some((word) => {
    const tag = word.trim();
    return tag === '*' || unquoted(tag) === etag;
  });
}

export function unquoted(tag: string): string {
  return tag.trim().replace(/^(?:W\/)?"(.*)"$/, '$1');
}

/** undefined where there is no date or none that can be read: such a header is ignored (RFC 9110 §13.1.3). */
export function isAfter(lastModified: number, date: string | undefined): boolean | undefined {
  const at = Date.parse(date ?? '');
  return Number.isNaN(at) ? undefined : lastModified > at;
}
