import { errorCode, HauloutError } from '../lib/errors.ts';
import { statusOf } from './write.ts';

/** EC2's own word for what was wrong is the code: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
export function refused(action: string, subject: string, error: unknown): HauloutError {
  const named = error instanceof Error ? error.name : 'unknown';
  const name = named === 'Error' ? (errorCode(error) ?? named) : named;
  // A status is EC2's answer; without one there was none, whatever else the SDK has noted.
  const known = statusOf(error) !== undefined;
  return new HauloutError(
    {
      code: `ec2-${name}`,
      step: 'ec2',
      subject,
      reason: known ? `${action} was refused: ${name}${parameterIn(error)}` : `${action} got no answer (${name})`,
      hint:
        HINTS[name] ??
        (known && WRONG_WORD.test(name) ? WRONG_WORD_HINT : undefined) ??
        'check --ec2-endpoint-url, --region and the credentials; nothing is lost, run it again',
    },
    error,
  );
}

/** Of EC2's own sentence the name of a parameter alone: what else is in it may be anything. */
function parameterIn(error: unknown): string {
  const found = error instanceof Error ? /\bfor parameter ([\w.]{1,64}) is invalid\b/.exec(error.message) : undefined;
  return found ? ` (${found[1]})` : '';
}

/** EC2 knows the keys, and not what was asked for with them. */
const WRONG_WORD = /^(Invalid|Missing)/;
const WRONG_WORD_HINT =
  'check what names it, and --region: images, networks, groups and key pairs have other ids in each; nothing is lost, run it again';

const HINTS: Readonly<Record<string, string>> = {
  UnauthorizedOperation: 'these keys may not do that: docs/swap.md names what the desk must be allowed',
  AuthFailure: 'the keys are not taken here: check AWS_PROFILE and --ec2-endpoint-url',
  CredentialsProviderError: 'give credentials: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  InsufficientInstanceCapacity:
    'its zone has no more of that type: wait, or name another --instance-type or --subnet-id',
  OperationNotPermitted:
    'it is protected: `aws ec2 modify-instance-attribute --no-disable-api-termination`, then run it again',
  InstanceLimitExceeded: 'terminated instances count for a while: wait, or have the quota raised',
};

type Next<In, Out> = (args: In) => Promise<Out>;

/**
 * What the tries of one call came to. The SDK tries again by itself and throws what the last try met: an answer that was lost before
 * that is not seen in it, and EC2 may have done what it was asked for.
 */
export class Tries {
  #inDoubt = false;

  /** As a middleware that each try passes. */
  readonly watched =
    <In, Out>(next: Next<In, Out>): Next<In, Out> =>
    async (args) => {
      try {
        return await next(args);
      } catch (error) {
        this.#inDoubt ||= !isRefusal(error);
        throw error;
      }
    };

  /** What to throw for what the call threw. */
  judged(token: string, error: unknown): unknown {
    if (!this.#inDoubt || !(error instanceof HauloutError)) return error;
    return new HauloutError(
      {
        code: IN_DOUBT,
        step: error.step,
        subject: token,
        reason: `${error.reason}, so nobody knows whether it launched`,
        hint: 'run the same command again: it asks EC2 what came of it, and nothing is launched twice',
      },
      error,
    );
  }
}

/** Whether EC2 may have launched. After any other trouble of the call nothing was. */
export function isInDoubt(error: unknown): boolean {
  return error instanceof HauloutError && error.code === IN_DOUBT;
}

const IN_DOUBT = 'launch-in-doubt';

const NOT_REACHED = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];
/** Refusals although their status says that the server failed. */
const REFUSALS = /^(Insufficient\w*Capacity|RequestLimitExceeded)$/;

/** Whether it is known of a try that nothing came of it. */
function isRefusal(error: unknown): boolean {
  const { name = '', code = '' } = error as { readonly name?: string; readonly code?: string };
  const status = statusOf(error) ?? 0;
  return NOT_REACHED.includes(code) || REFUSALS.test(name) || (status >= 400 && status < 500);
}
