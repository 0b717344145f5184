import { createHash, type Hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const MD5 = /^[0-9a-f]{32}$/;
/** So many objects whose tag is no sum of theirs, read twice with the same bytes, and the store's tags are opaque. */
const ENOUGH = 3;

/**
 * Entity tags of objects that were uploaded in one piece are MD5 sums of their bytes
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html), and then a body of the right length that was altered on its
 * way is found out. Not of those encrypted with KMS or a customer's key, and not in every store: what a store's tags are is
 * learnt, and one whose tags are something else is believed when it gives the same bytes twice.
 */
export class TagSums {
  #proven: boolean;
  #opaque = 0;
  readonly #seen = new Map<string, string>();

  /** `proven`: it is known that this store's are sums. */
  constructor(proven = false) {
    this.#proven = proven;
  }

  /** For the bytes as they come; undefined where the tag can be no sum, or MD5 may not be used here (FIPS). */
  begin(tag: string): Hash | undefined {
    if (!MD5.test(tag) || (this.#opaque >= ENOUGH && !this.#proven)) return undefined;
    try {
      return createHash('md5');
    } catch {
      return undefined;
    }
  }

  /** false: these are not the bytes that were listed. */
  holds(tag: string, sum: string, headers: IncomingHttpHeaders): boolean {
    if (sum === tag) this.#proven = true;
    if (sum === tag || isEncrypted(headers)) return true;
    if (this.#proven || this.#seen.get(tag) !== sum) {
      this.#seen.set(tag, sum);
      return false;
    }
    this.#seen.delete(tag);
    this.#opaque++;
    return true;
  }
}

function isEncrypted(headers: IncomingHttpHeaders): boolean {
  const how = headers['x-amz-server-side-encryption'];
  return String(how ?? '').startsWith('aws:kms') || 'x-amz-server-side-encryption-customer-algorithm' in headers;
}
