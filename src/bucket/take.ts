import pLimit from 'p-limit';
import type { Clock } from '../lib/clock.ts';
import type { Patience } from '../lib/waits.ts';
import type { ContentCache } from './cache.ts';
import type { RoleListing } from './listing.ts';
import { type Known, settledListing } from './settle.ts';
import { makeSnapshot, modeOf, type Snapshot, type SnapshotEntry, SPEC_PATH } from './snapshot.ts';
import type { Store, StoredObject } from './store.ts';

export interface TakeOptions {
  readonly settleMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Hears how long a bucket at rest was waited for. */
  readonly patience?: Patience;
  /** The last snapshot and its listing: what it names and the cache still has is not fetched again. */
  readonly last: Known | undefined;
}

export interface Taken extends Known {
  readonly fetched: number;
  readonly strangers: readonly string[];
}

const CONCURRENT = 16;

/**
 * The bucket's content at one moment, all of it in the cache. Undefined when there is no haulout.ini: an empty, deleted or
 * half-uploaded prefix is no news (law 3).
 */
export async function takeSnapshot(
  store: Store,
  cache: ContentCache,
  options: TakeOptions,
): Promise<Taken | undefined> {
  const { last } = options;
  const { listing, print } = await settledListing(store, {
    settleMs: options.settleMs,
    clock: options.clock,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.patience ? { patience: options.patience } : {}),
    known: last,
  });
  const seen = { print, prints: listing.prints ?? [], strangers: listing.strangers };
  if (last?.print === print && last.snapshot.entries.every((entry) => cache.has(entry.sha256, entry.size)))
    return { snapshot: last.snapshot, fetched: 0, ...seen };
  if (!listing.objects.some(({ key }) => key === SPEC_PATH)) return undefined;
  return { ...(await fetchChanged(store, cache, listing, last?.snapshot)), ...seen };
}

async function fetchChanged(
  store: Store,
  cache: ContentCache,
  listing: RoleListing,
  last: Snapshot | undefined,
): Promise<{ snapshot: Snapshot; fetched: number }> {
  const known = new Map((last?.entries ?? []).map((entry) => [entry.path, entry]));
  const kept: SnapshotEntry[] = [];
  const changed: StoredObject[] = [];
  for (const object of listing.objects) {
    const before = known.get(object.key);
    const same = before?.etag === object.etag && before.size === object.size && cache.has(before.sha256, before.size);
    if (same) kept.push(before);
    else changed.push(object);
  }
  const fetched = await fetchAll(store, cache, changed);
  return { snapshot: makeSnapshot(kept.concat(fetched)), fetched: fetched.length };
}

async function fetchAll(store: Store, cache: ContentCache, objects: readonly StoredObject[]): Promise<SnapshotEntry[]> {
  if (objects.length === 0) return [];
  await cache.checkRoom(
    objects.reduce((sum, { size }) => sum + size, 0),
    objects.length,
  );
  const limit = pLimit(CONCURRENT);
  const fetch = async (object: StoredObject): Promise<SnapshotEntry> => {
    const digest = await cache.fetch(store, object);
    return { path: object.key, size: object.size, sha256: digest, mode: modeOf(object.key), etag: object.etag };
  };
  try {
    const entries = await Promise.all(objects.map((object) => limit(fetch, object)));
    // Law 6: the content is on the disk before anything is recorded that names it.
    await cache.sync();
    return entries;
  } finally {
    limit.clearQueue();
  }
}
