import { amzDate, type Scope } from '../../aws/sigv4.ts';
import { ALGORITHM, authorizationWords } from './authorization.ts';
import { S3Error } from './errors.ts';
import type { Query, S3Request } from './request.ts';

/** The parts of a signature, wherever in the request they stood. */
export interface Claim {
  readonly accessKeyId: string;
  readonly scope: Scope;
  readonly day: string;
  readonly date: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly token: string | undefined;
  readonly payload: string;
  readonly query: Query;
  readonly presigned: boolean;
}

const SKEW_MS = 15 * 60_000;
/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html */
const LONGEST_PRESIGNED_S = 604_800;

/** undefined: the request is anonymous. Its time is checked here, its signature by the caller. */
export function readClaim(request: S3Request, now: number): Claim | undefined {
  const header = request.incoming.headers.authorization;
  const inQuery = request.parameter('X-Amz-Algorithm') ?? request.parameter('X-Amz-Signature');
  if (header !== undefined && inQuery !== undefined) {
    throw new S3Error('InvalidArgument', {
      message: 'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the Authorization header',
    });
  }
  if (header !== undefined) return headerClaim(request, header, now);
  if (request.parameter('AWSAccessKeyId') !== undefined) refuseMechanism();
  return inQuery === undefined ? undefined : queryClaim(request, now);
}

function headerClaim(request: S3Request, header: string, now: number): Claim {
  const words = authorizationWords(header) ?? refuseMechanism();
  const malformed = (message: string) => new S3Error('AuthorizationHeaderMalformed', { message });
  const signed = words.get('Signature');
  const signedHeaders = words.get('SignedHeaders');
  if (!signed || !signedHeaders) throw malformed('The authorization header is malformed');
  const payload = request.header('x-amz-content-sha256');
  if (!payload) {
    throw new S3Error('InvalidRequest', { message: 'Missing required header for this request: x-amz-content-sha256' });
  }
  const date = headerDate(request);
  checkSkew(date, now);
  return {
    ...readCredential(words.get('Credential') ?? '', date, malformed),
    date,
    signedHeaders: signedHeaders.split(';'),
    signature: signed,
    token: request.header('x-amz-security-token'),
    payload,
    query: request.query,
    presigned: false,
  };
}

function queryClaim(request: S3Request, now: number): Claim {
  const malformed = (message: string) => new S3Error('AuthorizationQueryParametersError', { message });
  const parameter = (name: string) => {
    const value = request.parameter(`X-Amz-${name}`);
    if (!value) throw malformed(`Query-string authentication version 4 requires the X-Amz-${name} parameter`);
    return value;
  };
  if (parameter('Algorithm') !== ALGORITHM) throw malformed(`X-Amz-Algorithm only supports "${ALGORITHM}"`);
  const date = parameter('Date');
  checkExpiry(date, parameter('Expires'), now, malformed);
  return {
    ...readCredential(parameter('Credential'), date, malformed),
    date,
    signedHeaders: parameter('SignedHeaders').split(';'),
    signature: parameter('Signature'),
    token: request.parameter('X-Amz-Security-Token'),
    payload: request.header('x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD',
    query: request.query.filter(([name]) => name !== 'X-Amz-Signature'),
    presigned: true,
  };
}

function readCredential(
  text: string,
  date: string,
  malformed: (message: string) => S3Error,
): { accessKeyId: string; scope: Scope; day: string } {
  const match = /^(.+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request$/.exec(text);
  if (!match)
    throw malformed('the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request"');
  const [, accessKeyId, day, region, service] = match;
  if (day !== date.slice(0, 8))
    throw malformed('The date in the credential scope does not match the date of the request');
  return { accessKeyId: accessKeyId!, scope: { region: region!, service: service! }, day: day! };
}

function headerDate(request: S3Request): string {
  const stamp = request.header('x-amz-date');
  if (stamp !== undefined) return stamp;
  const date = Date.parse(request.incoming.headers.date ?? '');
  if (Number.isNaN(date)) {
    throw new S3Error('AccessDenied', { message: 'AWS authentication requires a valid Date or x-amz-date header' });
  }
  return amzDate(date);
}

function checkSkew(date: string, now: number): void {
  const at = millisecondsOf(date);
  if (at === undefined) {
    throw new S3Error('AccessDenied', { message: 'AWS authentication requires a valid Date or x-amz-date header' });
  }
  if (Math.abs(now - at) <= SKEW_MS) return;
  throw new S3Error('RequestTimeTooSkewed', {
    fields: { RequestTime: date, ServerTime: new Date(now).toISOString(), MaxAllowedSkewMilliseconds: String(SKEW_MS) },
  });
}

function checkExpiry(date: string, expires: string, now: number, malformed: (message: string) => S3Error): void {
  const at = millisecondsOf(date);
  if (at === undefined) throw malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  const seconds = /^\d{1,9}$/.test(expires) ? Number(expires) : Number.NaN;
  if (!(seconds >= 1 && seconds <= LONGEST_PRESIGNED_S)) {
    throw malformed(`X-Amz-Expires must be a number of seconds from 1 to ${LONGEST_PRESIGNED_S}`);
  }
  if (at - now > SKEW_MS) throw new S3Error('AccessDenied', { message: 'Request is not valid yet' });
  if (now > at + seconds * 1_000) {
    const fields = { Expires: new Date(at + seconds * 1_000).toISOString(), ServerTime: new Date(now).toISOString() };
    throw new S3Error('AccessDenied', { message: 'Request has expired', fields });
  }
}

function millisecondsOf(date: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(at) ? undefined : at;
}

function refuseMechanism(): never {
  throw new S3Error('InvalidRequest', {
    message: `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
  });
}
