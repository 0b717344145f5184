import type { IncomingMessage } from 'node:http';
import { amzDate, canonicalRequest, type Scope, signature } from '../../aws/sigv4.ts';
import { sha256 } from '../../lib/digest.ts';
import { type S3Key, sameText, sentHeaders } from '../s3/authenticate.ts';
import { Ec2Error } from './errors.ts';

/** A request as it was signed: the body is part of the signature here, whatever a header says of its digest. */
export interface Signed {
  readonly incoming: IncomingMessage;
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

export interface Identity {
  readonly accessKeyId: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, RequestExpired */
const SKEW_MS = 15 * 60_000;

/** Throws Ec2Error for a signature that does not hold. The region of its scope may be any: euca2ools makes one up. */
export function authenticate(request: Signed, key: (accessKeyId: string) => S3Key | undefined, now: number): Identity {
  const { incoming } = request;
  const header = incoming.headers.authorization;
  if (header === undefined) {
    throw new Ec2Error('MissingParameter', 'The request must contain the parameter AWSAccessKeyId');
  }
  const { accessKeyId, day, scope, signedHeaders, signed } = readHeader(header);
  const date = dateOf(incoming);
  if (day !== date.slice(0, 8)) throw refused('The date of the credential is not that of the request.');
  checkSkew(date, now);
  const known = key(accessKeyId);
  if (!known) throw refused();
  const expected = signature(
    canonicalRequest(
      {
        method: incoming.method ?? 'POST',
        path: request.path,
        query: request.query,
        headers: sentHeaders(incoming.rawHeaders),
        payloadHash: sha256(request.body),
      },
      signedHeaders,
    ),
    date,
    scope,
    known.secretAccessKey,
  );
  if (!signedHeaders.includes('host') || !sameText(expected, signed)) throw refused();
  if (!sameText(String(incoming.headers['x-amz-security-token'] ?? ''), known.sessionToken ?? '')) throw refused();
  if (known.expiresAt !== undefined && now >= known.expiresAt) throw refused();
  if (known.policy) {
    const message = 'You are not authorized to perform this operation: the policy of this key knows S3 only.';
    throw new Ec2Error('UnauthorizedOperation', message);
  }
  return { accessKeyId };
}

interface Claim {
  readonly accessKeyId: string;
  readonly day: string;
  readonly scope: Scope;
  readonly signedHeaders: readonly string[];
  readonly signed: string;
}

function readHeader(header: string): Claim {
  if (!header.startsWith(`${ALGORITHM} `)) throw refused(`The signature must be of ${ALGORITHM}.`);
  const words = new Map(
    header
      .slice(ALGORITHM.length)
      .split(',')
      .map((word) => /^\s*(\w+)=(.*?)\s*$/.exec(word))
      .map((match) => [match?.[1], match?.[2]]),
  );
  const credential = /^(.+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request$/.exec(words.get('Credential') ?? '');
  const signed = words.get('Signature');
  const signedHeaders = words.get('SignedHeaders');
  if (!credential || !signed || !signedHeaders) throw refused('The authorization header is malformed.');
  const [, accessKeyId = '', day = '', region = '', service = ''] = credential;
  if (service !== 'ec2') throw refused("Credential should be scoped to correct service: 'ec2'.");
  return { accessKeyId, day, scope: { region, service }, signedHeaders: signedHeaders.split(';'), signed };
}

function dateOf(incoming: IncomingMessage): string {
  const stamp = incoming.headers['x-amz-date'];
  if (typeof stamp === 'string') return stamp;
  const date = Date.parse(incoming.headers.date ?? '');
  if (Number.isNaN(date)) throw refused('The request has no date.');
  return amzDate(date);
}

function checkSkew(date: string, now: number): void {
  const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (Math.abs(now - at) <= SKEW_MS) return;
  throw new Ec2Error('RequestExpired', `Request has expired. Its time is ${date}, here it is ${amzDate(now)}.`);
}

/** EC2 says no more than this to those who cannot prove who they are. */
function refused(why?: string): Ec2Error {
  const message = 'AWS was not able to validate the provided access credentials';
  return new Ec2Error('AuthFailure', why === undefined ? message : `${message}: ${why}`);
}
