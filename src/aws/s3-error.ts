import { HauloutError } from '../lib/errors.ts';

const HINTS: Record<string, string> = {
  AccessDenied: 'allow s3:ListBucket on the bucket and s3:GetObject on its objects to the role of the instance',
  AllAccessDisabled: 'the store has shut this bucket off: ask its owner',
  NoSuchBucket: 'check HAULOUT_BUCKET and HAULOUT_REGION in user-data, or create the bucket',
  NoSuchKey: 'upload the object again',
  InvalidAccessKeyId: 'the store does not know these keys: check the endpoint, or the role of the instance',
  SignatureDoesNotMatch: 'the secret key is wrong, or something between here and the store changes requests',
  RequestTimeTooSkewed: 'set the clock of this machine (is time synchronisation running?)',
  ExpiredToken: 'the credentials of the role ran out and were not renewed: check the metadata service',
  PermanentRedirect: 'the bucket is in another region: set HAULOUT_REGION',
  TemporaryRedirect: 'the bucket is in another region: set HAULOUT_REGION',
  AuthorizationHeaderMalformed: 'the bucket is in another region: set HAULOUT_REGION',
  PreconditionFailed: 'the object changed while it was read: it is read again at the next sync',
  NotImplemented: 'the store does not know what was asked: see docs/stores.md',
  SlowDown: 'the store asks for fewer requests: nothing to do, it is tried again later',
};

const OWNER_HINT =
  'is the bucket yours, and of the account HAULOUT_OWNER? Else a stranger may hold its name. And: may the role read it?';
const TROUBLE_HINT = 'the store has trouble: it is tried again later';

/** A store that asks for more time than this is asked again at the next sync instead. */
const LONGEST_RETRY_AFTER_MS = 30_000;

export interface Circumstances {
  /** The header of that name: seconds, or a date. */
  readonly retryAfter?: string | undefined;
  /** The account the bucket was expected to belong to. */
  readonly owner?: string | undefined;
}

/** What a store answered that was not what we asked for. `s3Code` is S3's own word, as its error document has it. */
export class S3Error extends HauloutError {
  readonly status: number;
  readonly s3Code: string;
  readonly retryAfter: string | undefined;

  constructor(status: number, s3Code: string, operation: string, subject: string, more: Circumstances = {}) {
    // Stores refuse a wrong owner by the same word as a missing permission.
    const expected = more.owner !== undefined && status === 403 && s3Code === 'AccessDenied';
    super({
      code: expected ? 'bucket-owner-refused' : `s3-${s3Code}`,
      step: 'bucket',
      subject,
      reason: `${operation} was answered ${status} ${s3Code}${expected ? ', with the owner that HAULOUT_OWNER expects' : ''}`,
      hint: expected ? OWNER_HINT : (HINTS[s3Code] ?? (status >= 500 ? TROUBLE_HINT : 'see the log of the store')),
    });
    this.status = status;
    this.s3Code = s3Code;
    this.retryAfter = more.retryAfter;
  }
}

/** How long the store asks us to wait, in milliseconds, within bounds: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */
export function retryAfterMs(error: unknown, now: number): number {
  const text = error instanceof S3Error ? (error.retryAfter ?? '').trim() : '';
  const asked = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isNaN(asked) ? 0 : Math.min(Math.max(asked, 0), LONGEST_RETRY_AFTER_MS);
}

/** Worth another try at once: the store's own trouble, not ours. 501 is no trouble: it will never know how. */
export function isPassing(error: S3Error): boolean {
  return (error.status >= 500 && error.status !== 501) || error.status === 429 || error.status === 408;
}
