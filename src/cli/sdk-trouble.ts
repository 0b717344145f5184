import { statusOf } from '../aws/write.ts';
import { HauloutError } from '../lib/errors.ts';

/**
 * What the SDK throws where a command reads or writes the bucket, in words for people; undefined: it is not the SDK's. Its own messages
 * may hold parts of a configuration file, so only its names are told.
 */
export function sdkTrouble(error: unknown): HauloutError | undefined {
  if (!(error instanceof Error) || error instanceof HauloutError) return undefined;
  const { name } = error;
  const hasNoKeys = name === 'CredentialsProviderError';
  if (!hasNoKeys && !('$metadata' in error)) return undefined;
  const status = statusOf(error);
  return new HauloutError(
    {
      code: `s3-${name}`,
      step: 'bucket',
      subject: 'the bucket',
      reason: hasNoKeys
        ? 'there are no credentials to ask it with'
        : `it refused, or did not answer (${name}${status === undefined ? '' : `, ${status}`})`,
      hint: hasNoKeys
        ? 'give credentials: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'
        : 'ask the doctor, who looks from here: haulout doctor s3://BUCKET/ROLE',
    },
    error,
  );
}
