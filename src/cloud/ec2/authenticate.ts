import { amzDate } from '../../aws/sigv4.ts';
import { type S3Key, sameText } from '../s3/authenticate.ts';
import type { Claim, Signed } from './claim.ts';
import { Ec2Error, notBelieved } from './errors.ts';
import type { Parameters } from './parameters.ts';
import { claimOfParameters } from './signature-2.ts';
import { claimOfHeader } from './signature-4.ts';

export interface Identity {
  readonly accessKeyId: string;
  /** What is asked: without the signature's own parameters, which no action knows and which differ when a request is repeated. */
  readonly parameters: Parameters;
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, RequestExpired */
const SKEW_MS = 15 * 60_000;

/** Throws Ec2Error for a signature that does not hold. */
export function authenticate(
  request: Signed,
  parameters: Parameters,
  key: (accessKeyId: string) => S3Key | undefined,
  now: number,
): Identity {
  const claim = readClaim(request, parameters);
  checkSkew(claim.at, now);
  const known = key(claim.accessKeyId);
  if (!known) throw notBelieved();
  if (!claim.holds(known.secretAccessKey)) throw notBelieved();
  if (!sameText(claim.token, known.sessionToken ?? '')) throw notBelieved();
  if (known.expiresAt !== undefined && now >= known.expiresAt) throw notBelieved();
  if (known.policy) {
    const message = 'You are not authorized to perform this operation: the policy of this key knows S3 only.';
    throw new Ec2Error('UnauthorizedOperation', message);
  }
  return { accessKeyId: claim.accessKeyId, parameters: parameters.without(claim.parameters) };
}

function readClaim(request: Signed, parameters: Parameters): Claim {
  const header = request.incoming.headers.authorization;
  if (header !== undefined) return claimOfHeader(request, header);
  if (parameters.text('AWSAccessKeyId') !== undefined) return claimOfParameters(request, parameters);
  throw new Ec2Error('MissingParameter', 'The request must contain the parameter AWSAccessKeyId');
}

function checkSkew(at: number, now: number): void {
  if (Math.abs(now - at) <= SKEW_MS) return;
  const then = Number.isNaN(at) ? 'not known' : amzDate(at);
  throw new Ec2Error('RequestExpired', `Request has expired. Its time is ${then}, here it is ${amzDate(now)}.`);
}
