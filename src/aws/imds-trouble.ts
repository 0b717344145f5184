import { errorCode, HauloutError } from '../lib/errors.ts';
import { OutOfTime } from './imds-send.ts';

/** Trouble with the metadata service, in words. What it sent is in none of them: it may be a credential, or anybody's text. */

/** No answer yet, or not the answer: to be asked again until the patience ends, and then `trouble` is what is said. */
export class Unanswered extends Error {
  readonly trouble: HauloutError;
  /** Why, for whoever counts the waiting: `ECONNREFUSED`, `http-503`. */
  readonly code: string;
  /** The request was taken, and nothing came back. */
  readonly timedOut: boolean;

  constructor(trouble: HauloutError, code = trouble.code, timedOut = false) {
    super(trouble.reason);
    this.trouble = trouble;
    this.code = code;
    this.timedOut = timedOut;
  }
}

const PASSING = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'EPIPE',
]);

/** Eucalyptus, while its front end starts or stops, says so with 200 to any request. */
const STARTING = /^System (is still starting up|shutting down)/;

export function isStarting(text: string): boolean {
  return STARTING.test(text);
}

/** A path as `ReadMetadata` takes it, as it is on the wire. */
function place(path: string): string {
  return path.startsWith('/') ? path : `/latest/${path}`;
}

export function notYet(path: string, text: string): HauloutError {
  if (!isStarting(text)) return invalid(place(path));
  return new HauloutError({
    code: 'metadata-starting',
    step: 'metadata',
    subject: place(path),
    reason: 'the metadata service says that it is still starting up, or shutting down',
    hint: 'look at the front end of the cloud; it is asked again by itself',
  });
}

export function invalid(subject: string): HauloutError {
  return new HauloutError({
    code: 'metadata-invalid',
    step: 'metadata',
    subject,
    reason: 'the metadata service gave something that cannot be one',
    hint: 'is something else answering at 169.254.169.254? It is asked again at the next sync',
  });
}

export function refused(path: string, status: number): HauloutError {
  return new HauloutError({
    code: 'metadata-refused',
    step: 'metadata',
    subject: place(path),
    reason: `the metadata service answered ${status}`,
    hint: 'enable the metadata service of this instance (HttpEndpoint=enabled); where tokens are refused, version 1 is not tried',
  });
}

export function hopLimit(): HauloutError {
  return new HauloutError({
    code: 'metadata-hop-limit',
    step: 'metadata',
    subject: '/latest/api/token',
    reason: 'plain requests are answered, but the token never arrives: its answer may not travel so many hops',
    hint: 'set HttpPutResponseHopLimit to 2 (aws ec2 modify-instance-metadata-options); version 1 is not tried instead',
  });
}

export function unbounded(path: string, limit: number): HauloutError {
  return new HauloutError({
    code: 'metadata-invalid',
    step: 'metadata',
    subject: place(path),
    reason: `the answer is longer than ${limit} bytes`,
    hint: 'is something else answering at 169.254.169.254? It is asked again at the next sync',
  });
}

/** `why`: what was thrown, or the status of a service that is too busy. */
export function noAnswer(path: string, why: unknown): HauloutError | Unanswered {
  const word = typeof why === 'number' ? `status ${why}` : (errorCode(why) ?? messageOf(why));
  const trouble = new HauloutError(
    {
      code: 'metadata-unreachable',
      step: 'metadata',
      subject: place(path),
      reason: `the metadata service did not answer (${word})`,
      hint: 'is this a cloud instance, and does it have its network? A machine without the service is described in /etc/haulout/metadata.json',
    },
    // Not the error itself: it may carry what came of an answer.
    why instanceof Error ? why.cause : undefined,
  );
  const passing = typeof why === 'number' || PASSING.has(errorCode(why) ?? '');
  const code = typeof why === 'number' ? `http-${why}` : errorCode(why);
  return passing ? new Unanswered(trouble, code, cameToNothing(why)) : trouble;
}

function cameToNothing(error: unknown): boolean {
  return error instanceof OutOfTime && error.connected;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'no answer';
}
