import { sha256 } from '../../lib/digest.ts';
import { Ec2Error, invalidValue } from './errors.ts';
import type { Parameters } from './parameters.ts';

const LONGEST = 64;
/** What may differ between a request and its repetition. */
const APART = ['Action', 'Version', 'DryRun', 'ClientToken'];

/**
 * Idempotency: the same token with the same parameters is the same request, whatever became of its first answer.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Run_Instance_Idempotency.html
 * Tokens are remembered as long as the cloud lives.
 */
export class ClientTokens<Made> {
  readonly #known = new Map<string, { readonly digest: string; readonly made: Promise<Made> }>();

  /** A request that fails leaves its token unused. */
  async once(parameters: Parameters, make: () => Promise<Made>): Promise<Made> {
    const token = parameters.text('ClientToken');
    if (token === undefined) return await make();
    if (token.length > LONGEST) throw invalidValue(token, 'ClientToken', `It may have ${LONGEST} characters.`);
    const digest = digestOf(parameters);
    const before = this.#known.get(token);
    if (before) {
      if (before.digest === digest) return await before.made;
      const message =
        'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).';
      throw new Ec2Error('IdempotentParameterMismatch', message);
    }
    const made = make();
    this.#known.set(token, { digest, made });
    made.catch(() => this.#known.delete(token));
    return await made;
  }
}

function digestOf(parameters: Parameters): string {
  const pairs = parameters.pairs.filter(([name]) => !APART.includes(name));
  return sha256(JSON.stringify(pairs.sort(([one], [two]) => (one < two ? -1 : 1))));
}
