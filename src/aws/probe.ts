import { randomBytes } from 'node:crypto';
import { ask, type Place, type Said } from './ask.ts';
import { unquote } from './listing-xml.ts';

/** What a store does with a condition on a write: holds it, writes all the same, or refuses whoever sends one. */
export type Manner = 'enforced' | 'ignored' | 'refused';

export interface ConditionalWrites {
  /** `If-None-Match: *` on a key that is taken. */
  readonly createOnly: Manner;
  /** `If-Match` with a tag that is not the object's, after one that is was taken. */
  readonly ifMatch: Manner;
  /** The store takes the tag in If-Match without its quotes only (radosgw 16): RFC 9110 and S3 want them. */
  readonly bareTags?: true;
}

/**
 * Finds out what conditional writes are worth at a store, because documents and versions differ: writes one object under
 * `prefix`, twice create-only, then with a wrong and a right entity tag, and deletes it.
 * Rejects when the object cannot be written at all.
 */
export async function probeConditionalWrites(place: Place, prefix: string): Promise<ConditionalWrites> {
  const key = `${prefix}${randomBytes(12).toString('hex')}`;
  const put = (text: string, headers: Record<string, string> = {}) =>
    ask(place, { method: 'PUT', key, body: Buffer.from(text), headers });
  try {
    const first = await put('one', { 'if-none-match': '*' });
    const createOnly = first.code === undefined ? mannerOf(await put('two', { 'if-none-match': '*' })) : 'refused';
    const plain = await put('three');
    if (plain.code !== undefined) throw new Error(plain.code);
    const tag = plain.headers.etag ?? '';
    const right = await put('four', { 'if-match': tag });
    const bare = right.status === 412 && (await put('four', { 'if-match': unquote(tag) })).code === undefined;
    const wrong = await put('five', { 'if-match': `"${'0'.repeat(32)}"` });
    const ifMatch = right.code === undefined || bare ? mannerOf(wrong) : 'refused';
    return { createOnly, ifMatch, ...(bare ? { bareTags: true } : {}) };
  } finally {
    await ask(place, { method: 'DELETE', key }).catch(() => undefined);
  }
}

function mannerOf({ status, code }: Said): Manner {
  if (code === undefined) return 'ignored';
  // 304 is what old releases of MinIO say, 409 a store in which two writers met.
  return [412, 409, 304].includes(status) ? 'enforced' : 'refused';
}
