import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { listRole } from '../../bucket/listing.ts';
import { makeSnapshot, modeOf } from '../../bucket/snapshot.ts';
import type { Store, StoredObject } from '../../bucket/store.ts';
import { sha256File } from '../../lib/digest.ts';
import type { RoleDirectory } from '../role-directory.ts';
import type { LocalFile } from './differences.ts';

/**
 * The digest that instances will report of what the prefix holds now. What has been uploaded is known; what the directory lacks is
 * fetched to be known.
 */
export async function contentDigest(store: Store, role: RoleDirectory, local: readonly LocalFile[]): Promise<string> {
  const ours = new Set(local.map(({ key }) => key));
  const { objects } = await listRole(store);
  const entries = objects.map(async (object) => ({
    path: object.key,
    size: object.size,
    mode: modeOf(object.key),
    etag: object.etag,
    sha256: ours.has(object.key) ? await sha256File(join(role.path, object.key)) : await fetchedSum(store, object),
  }));
  return makeSnapshot(await Promise.all(entries)).digest;
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
