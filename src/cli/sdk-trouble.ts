import { statusOf } from '../aws/write.ts';
import { errorCode, HauloutError } from '../lib/errors.ts';

const GIVE_KEYS = 'give credentials: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';

/**
 * What the SDK throws where a command reads or writes the bucket, in words for people; undefined: it is not the SDK's. Its own messages
 * may hold parts of a configuration file, so only its names are told.
 */
export function sdkTrouble(error: unknown): HauloutError | undefined {
  if (!(error instanceof Error) || error instanceof HauloutError) return undefined;
  const hasNoKeys = lacksKeys(error);
  if (!hasNoKeys && !('$metadata' in error)) return undefined;
  const name = wordFor(error);
  const status = statusOf(error);
  return new HauloutError(
    {
      code: `s3-${name}`,
      step: 'bucket',
      subject: 'the bucket',
      reason: hasNoKeys
        ? 'there are no credentials to ask it with'
        : `it refused, or did not answer (${name}${status === undefined ? '' : `, ${status}`})`,
      hint: hasNoKeys ? GIVE_KEYS : 'ask the doctor, who looks from here: haulout doctor s3://BUCKET/ROLE',
    },
    error,
  );
}

/** An upload of a command that did not get there. `what`: the agent, the page ... */
export function uploadTrouble(what: string, subject: string, error: unknown): HauloutError {
  const hasNoKeys = lacksKeys(error);
  const because = hasNoKeys ? 'there are no credentials to sign with' : wordFor(error);
  return new HauloutError(
    {
      code: 'upload-failed',
      step: 'bucket',
      subject,
      reason: `the ${what} could not be uploaded (${because})`,
      hint: hasNoKeys ? GIVE_KEYS : 'check credentials, --endpoint-url and --region; does the bucket exist?',
    },
    error,
  );
}

function lacksKeys(error: unknown): boolean {
  return error instanceof Error && error.name === 'CredentialsProviderError';
}

/** A refusal has a name of its own; what did not get through has only the code of the system. */
function wordFor(error: unknown): string {
  const name = error instanceof Error ? error.name : 'unknown';
  return statusOf(error) === undefined ? (errorCode(error) ?? name) : name;
}
