import { timingSafeEqual } from 'node:crypto';
import { canonicalRequest, credentialScope, encodeKey, signature, signingKey } from '../../aws/sigv4.ts';
import { type Claim, readClaim } from './claim.ts';
import type { ChunkSigning } from './decode-chunked.ts';
import { S3Error } from './errors.ts';
import type { Policy } from './policy.ts';
import type { S3Request } from './request.ts';

/** A key of the endpoint. With `sessionToken`, requests must carry it; after `expiresAt` (milliseconds) they are refused. */
export interface S3Key {
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiresAt?: number;
  /** What the key may do; absent: everything. Give it through `checkPolicy`. */
  readonly policy?: Policy;
}

export interface Identity {
  readonly accessKeyId: string;
  /** `x-amz-content-sha256` or its default: how the body is vouched for. */
  readonly payload: string;
  /** What the signatures of a body's chunks start from; presigned requests have none. */
  readonly chunks: ChunkSigning | undefined;
  readonly policy: Policy | undefined;
}

export interface Authority {
  readonly region: string;
  readonly key: (accessKeyId: string) => S3Key | undefined;
  readonly now: () => number;
}

/** undefined: the request is anonymous. Throws S3Error for a signature that does not hold. */
export function authenticate(request: S3Request, authority: Authority): Identity | undefined {
  const claim = readClaim(request, authority.now());
  if (!claim) return undefined;
  checkScope(claim, authority.region);
  const key = authority.key(claim.accessKeyId);
  if (!key) throw new S3Error('InvalidAccessKeyId', { fields: { AWSAccessKeyId: claim.accessKeyId } });
  checkSignature(request, claim, key);
  checkToken(claim, key, authority.now());
  const chunks: ChunkSigning = {
    key: signingKey(claim.day, claim.scope, key.secretAccessKey),
    date: claim.date,
    scope: credentialScope(claim.date, claim.scope),
    seed: claim.signature,
  };
  const { accessKeyId, payload, presigned } = claim;
  return { accessKeyId, payload, chunks: presigned ? undefined : chunks, policy: key.policy };
}

function checkScope(claim: Claim, region: string): void {
  const code = claim.presigned ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed';
  if (claim.scope.service !== 's3') {
    throw new S3Error(code, { message: `incorrect service "${claim.scope.service}". This endpoint belongs to "s3".` });
  }
  if (claim.scope.region !== region) {
    throw new S3Error(code, {
      message: `the region '${claim.scope.region}' is wrong; expecting '${region}'`,
      fields: { Region: region },
      headers: { 'x-amz-bucket-region': region },
    });
  }
}

function checkSignature(request: S3Request, claim: Claim, key: S3Key): void {
  const headers = sentHeaders(request.incoming.rawHeaders);
  refuseUnsigned(Object.keys(headers), claim.signedHeaders);
  const canonical = canonicalRequest(
    {
      method: request.method,
      // S3 signs the path it understood, encoded its own way: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
      path: encodeKey(request.path),
      query: claim.query,
      headers,
      payloadHash: claim.payload,
    },
    claim.signedHeaders,
  );
  const expected = signature(canonical, claim.date, claim.scope, key.secretAccessKey);
  if (sameText(expected, claim.signature)) return;
  throw new S3Error('SignatureDoesNotMatch', {
    fields: { AWSAccessKeyId: claim.accessKeyId, SignatureProvided: claim.signature, CanonicalRequest: canonical },
  });
}

/** Without this a stranger on the way could add a header that means something. */
function refuseUnsigned(sent: readonly string[], signed: readonly string[]): void {
  const unsigned = sent.filter((name) => (name === 'host' || name.startsWith('x-amz-')) && !signed.includes(name));
  if (unsigned.length === 0) return;
  throw new S3Error('AccessDenied', {
    message: 'There were headers present in the request which were not signed',
    fields: { HeadersNotSigned: unsigned.join(', ') },
  });
}

/** Lower-case names; a repeated header's values joined as they are signed, which Node's own table does not keep. */
export function sentHeaders(raw: readonly string[]): Record<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const value = signedText(raw[i + 1]!.trim());
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(headers);
}

/** Node reads headers as Latin-1. A client that sent UTF-8 signed the characters, not that reading of them. */
function signedText(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1');
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? latin1 : text;
}

function checkToken(claim: Claim, key: S3Key, now: number): void {
  if (claim.token === undefined && key.sessionToken !== undefined) throw new S3Error('InvalidAccessKeyId');
  if (!sameText(claim.token ?? '', key.sessionToken ?? '')) throw new S3Error('InvalidToken');
  if (key.expiresAt !== undefined && now >= key.expiresAt) throw new S3Error('ExpiredToken');
}

export function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
