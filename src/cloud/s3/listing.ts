import { compareKeys, firstIndex } from './key-order.ts';

/** The part of ListObjects and ListObjectsV2 that is the same: which keys and which common prefixes stand on a page. */
export interface ListingQuestion {
  readonly prefix: string;
  readonly delimiter: string;
  /** Only what comes after this; '' from the start. */
  readonly after: string;
  readonly maxKeys: number;
}

export interface ListingPage {
  readonly keys: readonly string[];
  readonly commonPrefixes: readonly string[];
  /** The last key or common prefix of this page when there is more: what the next page comes after. */
  readonly next: string | undefined;
}

/** `sorted`: all keys of the bucket, by their UTF-8 bytes. A group of keys is jumped over, not walked through. */
export function listPage(sorted: readonly string[], question: ListingQuestion): ListingPage {
  const { prefix, maxKeys } = question;
  const keys: string[] = [];
  const commonPrefixes: string[] = [];
  let last: string | undefined;
  let index = startOf(sorted, question);
  while (index < sorted.length && sorted[index]!.startsWith(prefix)) {
    if (keys.length + commonPrefixes.length >= maxKeys) return { keys, commonPrefixes, next: last };
    const key = sorted[index]!;
    const group = groupOf(key, question);
    if (group === undefined) keys.push(key);
    else commonPrefixes.push(group);
    last = group ?? key;
    index = group === undefined ? index + 1 : endOf(sorted, group);
  }
  return { keys, commonPrefixes, next: undefined };
}

/** A page that ended with a common prefix goes on behind the whole group. */
function startOf(sorted: readonly string[], question: ListingQuestion): number {
  const { prefix, after } = question;
  const done = after.startsWith(prefix) && groupOf(after, question) === after ? after : undefined;
  return firstIndex(
    sorted,
    (key) =>
      compareKeys(key, prefix) >= 0 && compareKeys(key, after) > 0 && (done === undefined || !key.startsWith(done)),
  );
}

function endOf(sorted: readonly string[], group: string): number {
  return firstIndex(sorted, (key) => compareKeys(key, group) > 0 && !key.startsWith(group));
}

function groupOf(key: string, { prefix, delimiter }: ListingQuestion): string | undefined {
  if (delimiter === '') return undefined;
  const end = key.indexOf(delimiter, prefix.length);
  return end < 0 ? undefined : key.slice(0, end + delimiter.length);
}
