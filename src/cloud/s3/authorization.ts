export const ALGORITHM = 'AWS4-HMAC-SHA256';

/**
 * The words of an Authorization header of version 4 (`Credential`, `SignedHeaders`, `Signature`); undefined: it is of another kind.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
 */
export function authorizationWords(header: string): ReadonlyMap<string, string> | undefined {
  if (!header.startsWith(`${ALGORITHM} `)) return undefined;
  const words = header
    .slice(ALGORITHM.length)
    .split(',')
    .map((word) => /^\s*(\w+)=(.*?)\s*$/.exec(word));
  return new Map(words.flatMap((match) => (match ? [[match[1] ?? '', match[2] ?? ''] as const] : [])));
}
