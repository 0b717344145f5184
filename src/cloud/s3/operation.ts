import type { Readable } from 'node:stream';
import type { Body } from './body.ts';
import { type Checksum, checksumField } from './checksums.ts';
import type { TagRule } from './conditions.ts';
import type { Uploads } from './multipart.ts';
import type { ObjectStore } from './objects.ts';
import type { Permit } from './permit.ts';
import type { S3Request } from './request.ts';

/** What an operation is handed: the request, already believed, and the endpoint's state. */
export interface Call {
  readonly request: S3Request;
  /** '' for an operation on the service. */
  readonly bucket: string;
  /** '' for an operation on the service or a bucket. */
  readonly key: string;
  readonly anonymous: boolean;
  readonly permit: Permit;
  readonly store: ObjectStore;
  readonly uploads: Uploads;
  readonly region: string;
  readonly accountId: string;
  /** Most entries of one page of a listing. */
  readonly pageKeys: number;
  /** How If-Match is compared when reading. */
  readonly tags: TagRule;
  body(limits?: BodyLimits): Body;
}

export interface BodyLimits {
  /** Where the operation allows less than the endpoint. */
  readonly maxBytes?: number;
  /** The x-amz-checksum- headers speak of something else than this body. */
  readonly ignoreChecksum?: boolean;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  /** Text is XML. With a stream, `headers` says its content-length. */
  readonly body?: string | Readable;
}

/** For a request's document (a list of parts, of keys to delete), which is read into memory. */
export const DOCUMENT: BodyLimits = { maxBytes: 2 * 1024 * 1024 };

/** As HTTP and XML have it. */
export function quoted(etag: string): string {
  return `"${etag}"`;
}

export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** The account as S3 names the owner of buckets and objects. */
export function owner(accountId: string): { ID: string; DisplayName: string } {
  return { ID: accountId.padStart(64, '0'), DisplayName: 'haulout' };
}

/** What an answer in XML says about a checksum. */
export function checksumFields(checksum: Checksum | undefined): Record<string, string> {
  return checksum ? { ...checksumField(checksum), ChecksumType: checksum.type } : {};
}
