import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import { listRole } from '../../bucket/listing.ts';
import { makeSnapshot, modeOf, type Snapshot } from '../../bucket/snapshot.ts';
import type { Store, StoredObject } from '../../bucket/store.ts';
import { isSame, type LocalFile } from './differences.ts';

const AT_ONCE = 8;

/**
 * The digest that instances will report of what the prefix holds now. What stands there as the directory had it is known; what it lacks,
 * or what somebody else put there meanwhile, is fetched to be known.
 */
export async function contentDigest(store: Store, local: readonly LocalFile[]): Promise<string> {
  const ours = new Map(local.map((file) => [file.key, file]));
  const limit = pLimit(AT_ONCE);
  const { objects } = await listRole(store);
  const entries = objects.map(async (object) => {
    const { key, size, etag } = object;
    const file = ours.get(key);
    const sum = file && isSame(file, object) ? file.sha256 : await limit(fetchedSum, store, object);
    return { path: key, size, mode: modeOf(key), etag, sha256: sum };
  });
  return makeSnapshot(await Promise.all(entries)).digest;
}

/** What the prefix will hold: what the directory has, and what only the bucket has and is left there. */
export async function contentAfter(
  store: Store,
  local: readonly LocalFile[],
  left: readonly StoredObject[],
): Promise<Snapshot> {
  const limit = pLimit(AT_ONCE);
  const ours = local.map(({ key, size, sha256 }) => ({ path: key, size, mode: modeOf(key), etag: '', sha256 }));
  const theirs = left.map(async (object) => {
    const { key, size, etag } = object;
    return { path: key, size, mode: modeOf(key), etag, sha256: await limit(fetchedSum, store, object) };
  });
  return makeSnapshot([...ours, ...(await Promise.all(theirs))]);
}

async function fetchedSum(store: Store, object: StoredObject): Promise<string> {
  let sum = createHash('sha256');
  await store.read(object, {
    restart() {
      sum = createHash('sha256');
    },
    write(chunk) {
      sum.update(chunk);
    },
  });
  return sum.digest('hex');
}
