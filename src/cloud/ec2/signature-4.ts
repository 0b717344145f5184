import type { IncomingMessage } from 'node:http';
import { amzDate, canonicalRequest, type Scope, signature } from '../../aws/sigv4.ts';
import { sha256 } from '../../lib/digest.ts';
import { sameText, sentHeaders } from '../s3/authenticate.ts';
import { ALGORITHM, authorizationWords } from '../s3/authorization.ts';
import type { Claim, Signed } from './claim.ts';
import { notBelieved } from './errors.ts';

/** What an Authorization header of version 4 says. The region of its scope may be any: euca2ools makes one up. */
export function claimOfHeader(request: Signed, header: string): Claim {
  const { incoming } = request;
  const { accessKeyId, day, scope, signedHeaders, signed } = readHeader(header);
  const date = dateOf(incoming);
  if (day !== date.slice(0, 8)) throw notBelieved('The date of the credential is not that of the request.');
  return {
    accessKeyId,
    at: Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')),
    parameters: [],
    token: String(incoming.headers['x-amz-security-token'] ?? ''),
    holds(secretAccessKey) {
      const canonical = canonicalRequest(
        {
          method: incoming.method ?? 'POST',
          path: request.path,
          query: request.query,
          headers: sentHeaders(incoming.rawHeaders),
          payloadHash: sha256(request.body),
        },
        signedHeaders,
      );
      return signedHeaders.includes('host') && sameText(signature(canonical, date, scope, secretAccessKey), signed);
    },
  };
}

interface Header {
  readonly accessKeyId: string;
  readonly day: string;
  readonly scope: Scope;
  readonly signedHeaders: readonly string[];
  readonly signed: string;
}

function readHeader(header: string): Header {
  const words = authorizationWords(header);
  if (!words) throw notBelieved(`The signature must be of ${ALGORITHM}.`);
  const credential = /^(.+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request$/.exec(words.get('Credential') ?? '');
  const signed = words.get('Signature');
  const signedHeaders = words.get('SignedHeaders');
  if (!credential || !signed || !signedHeaders) throw notBelieved('The authorization header is malformed.');
  const [, accessKeyId = '', day = '', region = '', service = ''] = credential;
  if (service !== 'ec2') throw notBelieved("Credential should be scoped to correct service: 'ec2'.");
  return { accessKeyId, day, scope: { region, service }, signedHeaders: signedHeaders.split(';'), signed };
}

function dateOf(incoming: IncomingMessage): string {
  const stamp = incoming.headers['x-amz-date'];
  if (typeof stamp === 'string') return stamp;
  const date = Date.parse(incoming.headers.date ?? '');
  if (Number.isNaN(date)) throw notBelieved('The request has no date.');
  return amzDate(date);
}
