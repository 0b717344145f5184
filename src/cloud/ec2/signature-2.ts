import { createHmac } from 'node:crypto';
import { canonicalQuery } from '../../aws/sigv4.ts';
import { sameText } from '../s3/authenticate.ts';
import type { Claim, Signed } from './claim.ts';
import { notBelieved } from './errors.ts';
import type { Parameters } from './parameters.ts';

/**
 * Signature Version 2: among the parameters, whatever their order, and over all others of them. Clients of before 2015 know no other
 * one, euca2ools up to 3.2 among them.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html
 */
const OWN_PARAMETERS = [
  'AWSAccessKeyId',
  'SecurityToken',
  'Signature',
  'SignatureMethod',
  'SignatureVersion',
  'Timestamp',
];

const METHODS: ReadonlyMap<string, string> = new Map([
  ['HmacSHA256', 'sha256'],
  ['HmacSHA1', 'sha1'],
]);

/** What such parameters say. */
export function claimOfParameters({ incoming, path }: Signed, parameters: Parameters): Claim {
  const signed = parameters.needed('Signature');
  const version = parameters.needed('SignatureVersion');
  if (version !== '2') throw notBelieved(`Among the parameters, a signature must be of version 2, not ${version}.`);
  const method = parameters.needed('SignatureMethod');
  const algorithm = METHODS.get(method);
  if (algorithm === undefined) throw notBelieved(`The signature must be of ${[...METHODS.keys()].join(' or ')}.`);
  const covered = parameters.pairs.filter(([name]) => name !== 'Signature');
  const host = (incoming.headers.host ?? '').toLowerCase();
  const toSign = [incoming.method ?? 'POST', host, path, canonicalQuery(covered)].join('\n');
  return {
    accessKeyId: parameters.needed('AWSAccessKeyId'),
    at: readTimestamp(parameters.needed('Timestamp')),
    parameters: OWN_PARAMETERS,
    token: parameters.text('SecurityToken') ?? '',
    holds: (secret) => sameText(createHmac(algorithm, secret).update(toSign).digest('base64'), signed),
  };
}

/** In UTC, with or without its letter. */
function readTimestamp(text: string): number {
  const [, bare] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)Z?$/.exec(text) ?? [];
  const at = Date.parse(`${bare}Z`);
  if (Number.isNaN(at)) throw notBelieved('The request has no date.');
  return at;
}
