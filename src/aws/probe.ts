import { randomBytes } from 'node:crypto';
import { ask, type Place, type Said } from './ask.ts';

/** What a store does with a condition on a write: holds it, writes all the same, or refuses whoever sends one. */
export type Manner = 'enforced' | 'ignored' | 'refused';

export interface ConditionalWrites {
  /** `If-None-Match: *` on a key that is taken. */
  readonly createOnly: Manner;
  /** `If-Match` with a tag that is not the object's, after one that is was taken. */
  readonly ifMatch: Manner;
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
    const right = await put('four', { 'if-match': plain.headers.etag ?? '' });
    const wrong = await put('five', { 'if-match': `"${'0'.repeat(32)}"` });
    return { createOnly, ifMatch: right.code === undefined ? mannerOf(wrong) : 'refused' };
  } finally {
    await ask(place, { method: 'DELETE', key }).catch(() => undefined);
  }
}

function mannerOf({ status, code }: Said): Manner {
  if (code === undefined) return 'ignored';
  return status === 412 ? 'enforced' : 'refused';
}
