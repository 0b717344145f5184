import { createHash, createHmac } from 'node:crypto';

/**
 * AWS Signature Version 4, the header form: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * One file, both directions: the reader signs with it, the local cloud's S3 endpoint verifies with it. A second opinion
 * (the SDK's signatures, the published test vectors) is in test/aws/sigv4.test.ts.
 */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Milliseconds since 1970; absent for keys that do not expire. */
  readonly expiresAt?: number;
}

export interface Signable {
  readonly method: string;
  /** The path as sent: percent-encoded, starting with a slash. */
  readonly path: string;
  /** Decoded name and value pairs. */
  readonly query: readonly (readonly [string, string])[];
  /** Lower-case names. `host` and `x-amz-date` are required. Every header here is signed. */
  readonly headers: Readonly<Record<string, string>>;
  /** Hex sha256 of the body, or one of S3's words such as UNSIGNED-PAYLOAD. */
  readonly payloadHash: string;
}

export interface Scope {
  readonly region: string;
  readonly service: string;
}

export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** `20261120T101500Z` */
export function amzDate(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

/** RFC 3986: everything but unreserved characters becomes %XX. `encodeURIComponent` leaves `!'()*`. */
export function encodeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A key as the path of a URL: each segment encoded, slashes kept. */
export function encodeKey(key: string): string {
  return key.split('/').map(encodeRfc3986).join('/');
}

export function canonicalQuery(query: Signable['query']): string {
  return query
    .map(([name, value]) => [encodeRfc3986(name), encodeRfc3986(value)] as const)
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

export function canonicalRequest(request: Signable, signedHeaders: readonly string[]): string {
  const headers = signedHeaders.map((name) => `${name}:${(request.headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`);
  return [
    request.method,
    request.path,
    canonicalQuery(request.query),
    headers.join(''),
    signedHeaders.join(';'),
    request.payloadHash,
  ].join('\n');
}

export function credentialScope(date: string, scope: Scope): string {
  return `${date.slice(0, 8)}/${scope.region}/${scope.service}/aws4_request`;
}

/** Hex signature of a canonical request. */
export function signature(canonical: string, date: string, scope: Scope, secretAccessKey: string): string {
  const toSign = ['AWS4-HMAC-SHA256', date, credentialScope(date, scope), hex(canonical)].join('\n');
  return createHmac('sha256', signingKey(date.slice(0, 8), scope, secretAccessKey))
    .update(toSign)
    .digest('hex');
}

/** The value of the Authorization header; all of the request's headers are signed. */
export function authorization(request: Signable, scope: Scope, credentials: Credentials): string {
  const date = request.headers['x-amz-date'] ?? '';
  const signedHeaders = Object.keys(request.headers).sort();
  const signed = signature(canonicalRequest(request, signedHeaders), date, scope, credentials.secretAccessKey);
  const credential = `${credentials.accessKeyId}/${credentialScope(date, scope)}`;
  return `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signed}`;
}

let cached: { readonly of: string; readonly key: Buffer } | undefined;

/** The key changes once a day and per region: four HMACs that the hot path need not repeat. */
export function signingKey(day: string, scope: Scope, secretAccessKey: string): Buffer {
  const of = `${day}/${scope.region}/${scope.service}/${secretAccessKey}`;
  if (cached?.of === of) return cached.key;
  let key: Buffer = Buffer.from(`AWS4${secretAccessKey}`);
  for (const part of [day, scope.region, scope.service, 'aws4_request']) {
    key = createHmac('sha256', key).update(part).digest();
  }
  cached = { of, key };
  return key;
}

function hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
