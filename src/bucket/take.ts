import pLimit from 'p-limit';
import type { Clock } from '../lib/clock.ts';
import type { Patience } from '../lib/waits.ts';
import type { ContentCache } from './cache.ts';
import type { RoleListing } from './listing.ts';
import { fingerprint, settledListing } from './settle.ts';
import { makeSnapshot, modeOf, type Snapshot, type SnapshotEntry, SPEC_PATH } from './snapshot.ts';
import type { Store, StoredObject } from './store.ts';

export interface TakeOptions {
  readonly settleMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Hears how long a bucket at rest was waited for. */
  readonly patience?: Patience;
  /** The last snapshot and the print of its listing: what it names and the cache still has is not fetched again. */
  readonly last: { readonly snapshot: Snapshot; readonly print: string } | undefined;
}

export interface Taken {
  readonly snapshot: Snapshot;
  readonly print: string;
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
  const listing = await settledListing(store, {
    settleMs: options.settleMs,
    clock: options.clock,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.patience ? { patience: options.patience } : {}),
    ...(options.last ? { known: options.last.print } : {}),
  });
  if (!listing.objects.some(({ key }) => key === SPEC_PATH)) return undefined;
  const { entries, fetched } = await fetchChanged(store, cache, listing, options.last?.snapshot);
  return { snapshot: makeSnapshot(entries), print: fingerprint(listing), fetched, strangers: listing.strangers };
}

async function fetchChanged(
  store: Store,
  cache: ContentCache,
  listing: RoleListing,
  last: Snapshot | undefined,
): Promise<{ entries: SnapshotEntry[]; fetched: number }> {
  const known = new Map((last?.entries ?? []).map((entry) => [entry.path, entry]));
  const limit = pLimit(CONCURRENT);
  let fetched = 0;
  const kept = async (object: StoredObject): Promise<SnapshotEntry | undefined> => {
    const before = known.get(object.key);
    const same = before?.etag === object.etag && before.size === object.size;
    return same && (await cache.has(before.sha256, before.size)) ? before : undefined;
  };
  const entry = async (object: StoredObject): Promise<SnapshotEntry> => {
    const digest = await cache.fetch(store, object);
    fetched++;
    return { path: object.key, size: object.size, sha256: digest, mode: modeOf(object.key), etag: object.etag };
  };
  try {
    const here = await Promise.all(listing.objects.map((object) => limit(() => kept(object))));
    const missing = listing.objects.filter((_, index) => !here[index]);
    if (missing.length > 0)
      await cache.checkRoom(
        missing.reduce((sum, { size }) => sum + size, 0),
        missing.length,
      );
    const entries = await Promise.all(
      listing.objects.map((object, index) => here[index] ?? limit(() => entry(object))),
    );
    return { entries, fetched };
  } finally {
    limit.clearQueue();
  }
}
