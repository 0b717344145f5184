import { type Finding, fail, ok, warn } from './finding.ts';
import type { Patient } from './patient.ts';

const SHORT_MS = 15 * 60_000;

const REFUSED: Readonly<Record<string, readonly [seen: string, next: string]>> = {
  InvalidAccessKeyId: ['the store does not know this key', 'is it for this store? check --profile and --endpoint-url'],
  SignatureDoesNotMatch: ['the secret does not fit this key', 'copy the secret anew; check --profile'],
  InvalidToken: ['the session token does not fit this key', 'sign in anew'],
  ExpiredToken: ['the store says that these keys have expired', 'sign in anew'],
};

/** Where the keys came from and which they are, without STS: other stores have none. */
export function credentials({ found, first }: Patient): readonly Finding[] {
  const name = 'credentials';
  if (!found)
    return [
      warn(
        name,
        'none found: the bucket is asked without a signature',
        'set AWS_PROFILE or --profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; aws configure',
      ),
    ];
  const { accessKeyId, expiresAt } = found.credentials;
  const seen = `${shortened(accessKeyId)}, from ${found.source}`;
  const refused = 'code' in first && first.code !== undefined ? REFUSED[first.code] : undefined;
  if (refused) return [fail(name, `${seen}: ${refused[0]}`, refused[1])];
  const left = expiresAt === undefined ? Number.POSITIVE_INFINITY : expiresAt - Date.now();
  if (left <= 0) return [fail(name, `${seen}: they have expired`, 'sign in anew')];
  if (left < SHORT_MS) return [warn(name, `${seen}: they end in ${Math.ceil(left / 60_000)} min`, 'sign in anew soon')];
  return [ok(name, seen)];
}

/** An access key id is a name and no secret; its ends are enough to know it again. */
function shortened(id: string): string {
  return id.length > 12 ? `${id.slice(0, 4)}...${id.slice(-4)}` : `${id.slice(0, 2)}...`;
}
