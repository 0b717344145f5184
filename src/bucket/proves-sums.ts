import { createHash } from 'node:crypto';
import type { ContentCache } from './cache.ts';
import { type Snapshot, SPEC_PATH } from './snapshot.ts';

const LARGEST = 1024 * 1024;

/** Whether the entity tag of the spec that was fetched in an earlier life is the MD5 sum of its bytes: then this store's are. */
export async function provesSums(cache: ContentCache, known: Snapshot | undefined): Promise<boolean> {
  const spec = known?.entries.find(({ path }) => path === SPEC_PATH);
  try {
    const bytes = spec && (await cache.bytes(spec.sha256, LARGEST));
    return bytes !== undefined && createHash('md5').update(bytes).digest('hex') === spec?.etag;
  } catch {
    return false; // not in the cache any more, or MD5 may not be used here (FIPS)
  }
}
