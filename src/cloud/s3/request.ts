import type { IncomingMessage } from 'node:http';
import { S3Error } from './errors.ts';

/** What a request says, before anything is believed: where it points and with which words. */
export interface S3Request {
  readonly incoming: IncomingMessage;
  readonly method: string;
  /** The path percent-decoded, as it was sent: the bucket of a virtual host is not in it, the endpoint's own path is. */
  readonly path: string;
  readonly query: Query;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  /** A header by its lower-case name; in a presigned request also an `x-amz-` word of the query. */
  header(name: string): string | undefined;
  parameter(name: string): string | undefined;
}
export type Query = readonly (readonly [name: string, value: string])[];

interface Address {
  readonly path: string;
  readonly query: Query;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
}

/** Where buckets stand in a request. */
export interface Where {
  /** What follows `bucket.` in the Host header where a bucket stands there instead of in the path. */
  readonly virtualHosts: readonly string[];
  /** What stands before bucket and key in every path; '' for nothing. */
  readonly basePath: string;
}

export function readRequest(incoming: IncomingMessage, where: Where): S3Request {
  const address = readAddress(incoming.url ?? '/', incoming.headers.host ?? '', where);
  const parameters = new Map(address.query);
  const signedInQuery = parameters.has('X-Amz-Signature');
  const hoisted = new Map(address.query.map(([name, value]) => [name.toLowerCase(), value]));
  return {
    ...address,
    incoming,
    method: incoming.method ?? 'GET',
    parameter: (name) => parameters.get(name),
    header(name) {
      const value = incoming.headers[name];
      if (value !== undefined) return Array.isArray(value) ? value.join(',') : value;
      return signedInQuery && name.startsWith('x-amz-') ? headerText(hoisted.get(name)) : undefined;
    },
  };
}

/** As Node would have given it, had it come as a header: one character for each byte of its UTF-8. */
function headerText(value: string | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString('latin1');
}

/**
 * The target is taken apart by hand: `new URL` would resolve `.` and `..` segments, which S3 keys may have.
 * A client that speaks to us as to a proxy sends the absolute form; its origin is dropped.
 */
function readAddress(target: string, host: string, { virtualHosts, basePath }: Where): Address {
  const local = target.replace(/^https?:\/\/[^/?]*/i, '');
  const mark = local.indexOf('?');
  const path = decode(mark < 0 ? local : local.slice(0, mark)) || '/';
  const query = mark < 0 ? [] : readQuery(local.slice(mark + 1));
  if (!path.startsWith('/')) throw new S3Error('InvalidURI');
  if (!`${path}/`.startsWith(`${basePath}/`)) throw new S3Error('NoSuchBucket');
  const inside = path.slice(basePath.length) || '/';
  const inHost = bucketOfHost(host, virtualHosts);
  if (inHost !== undefined) return { path, query, bucket: inHost, key: inside.slice(1) || undefined };
  const slash = inside.indexOf('/', 1);
  const bucket = (slash < 0 ? inside.slice(1) : inside.slice(1, slash)) || undefined;
  const key = slash < 0 ? undefined : inside.slice(slash + 1) || undefined;
  if (bucket === undefined && inside !== '/') throw new S3Error('InvalidBucketName');
  return { path, query, bucket, key };
}

function bucketOfHost(host: string, virtualHosts: readonly string[]): string | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  const suffix = virtualHosts.find((each) => name.endsWith(`.${each}`));
  return suffix === undefined ? undefined : name.slice(0, -suffix.length - 1);
}

/** `+` is a space here, as in S3, and only here: in a path it is a plus. */
function readQuery(text: string): Query {
  return text
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name, ...value] = pair.replaceAll('+', '%20').split('=');
      return [decode(name!), decode(value.join('='))] as const;
    });
}

/** Keys are UTF-8: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error('InvalidURI');
  }
}
