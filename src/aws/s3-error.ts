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
  AuthorizationHeaderMalformed: 'the bucket is in another region: set HAULOUT_REGION',
  PreconditionFailed: 'the object changed while it was read: it is read again at the next sync',
  SlowDown: 'the store asks for fewer requests: nothing to do, it is tried again later',
};

/** What a store answered that was not what we asked for. `code` is S3's own word, as its error document has it. */
export class S3Error extends HauloutError {
  readonly status: number;
  readonly s3Code: string;

  constructor(status: number, s3Code: string, operation: string, subject: string) {
    super({
      code: `s3-${s3Code}`,
      step: 'bucket',
      subject,
      reason: `${operation} was answered ${status} ${s3Code}`,
      hint:
        HINTS[s3Code] ??
        (status >= 500 ? 'the store has trouble: it is tried again later' : 'see the log of the store'),
    });
    this.status = status;
    this.s3Code = s3Code;
  }
}

/** Worth another try at once: the store's own trouble, not ours. */
export function isPassing(error: S3Error): boolean {
  return error.status >= 500 || error.status === 429 || error.status === 408;
}
