import { randomBytes } from 'node:crypto';
import type { S3Key } from './s3/authenticate.ts';
import { checkPolicy, type Policy } from './s3/policy.ts';

/** An access key of the local cloud, as a client of S3 wants it. */
export interface LocalKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Keys of a role have one, and every request must carry it. */
  readonly sessionToken?: string;
  /** What the key may do; absent: everything. How much of IAM it may use: s3/policy.ts. */
  readonly policy?: Policy;
}

/** The keys that the S3 endpoint knows. Made up at each start: keys that were printed yesterday open nothing today. */
export class Keys {
  readonly #keys = new Map<string, S3Key>();

  /** What is left out is made up. A key that is there already is replaced, from its next request on. */
  add(key: Partial<LocalKey> = {}): LocalKey {
    if (key.policy) checkPolicy(key.policy);
    const prefix = key.sessionToken === undefined ? 'AKIA' : 'ASIA';
    const made: LocalKey = { accessKeyId: newId(prefix), secretAccessKey: newSecret(30), ...key };
    this.#keys.set(made.accessKeyId, made);
    return made;
  }

  /** With a session token, as an instance gets its role's from the metadata service. */
  addRole(policy?: Policy): LocalKey & { readonly sessionToken: string } {
    const sessionToken = newSecret(48);
    return { ...this.add({ sessionToken, ...(policy ? { policy } : {}) }), sessionToken };
  }

  readonly find = (accessKeyId: string): S3Key | undefined => this.#keys.get(accessKeyId);
}

function newId(prefix: string): string {
  return `${prefix}${randomBytes(8).toString('hex').toUpperCase()}`;
}

function newSecret(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}
