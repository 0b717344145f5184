import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import type { BucketAddress } from '../../aws/location.ts';
import type { BucketWriter } from '../../aws/write.ts';
import { SPEC_PATH } from '../../bucket/snapshot.ts';
import type { RoleDirectory } from '../role-directory.ts';
import type { Differences, LocalFile } from './differences.ts';

const AT_ONCE = 8;

/** What stands in a directory, with the sums that a bucket knows its objects by. */
export async function localFiles(role: RoleDirectory): Promise<readonly LocalFile[]> {
  const limit = pLimit(AT_ONCE);
  const read = async (key: string): Promise<LocalFile> => {
    const bytes = await readFile(join(role.path, key));
    return { key, size: bytes.length, md5: createHash('md5').update(bytes).digest('hex') };
  };
  return await Promise.all(role.listing.objects.map(({ key }) => limit(read, key)));
}

/**
 * Content first, the spec after it, and what is to go at the end: whoever looks in between finds nothing named that is not there yet.
 * `told` hears how many are done.
 */
export async function carryOut(
  writer: BucketWriter,
  to: BucketAddress,
  role: RoleDirectory,
  { upload, extra }: Differences,
  how: { readonly remove: boolean; readonly told: (done: number) => void },
): Promise<void> {
  const limit = pLimit(AT_ONCE);
  const keyOf = (path: string) => (to.prefix === '' ? path : `${to.prefix}/${path}`);
  let done = 0;
  const put = async (path: string): Promise<void> => {
    await writer.put(to.bucket, keyOf(path), await readFile(join(role.path, path)));
    how.told(++done);
  };
  try {
    await Promise.all(upload.filter((path) => path !== SPEC_PATH).map((path) => limit(put, path)));
    if (upload.includes(SPEC_PATH)) await put(SPEC_PATH);
    if (how.remove) await Promise.all(extra.map((path) => limit(() => writer.delete(to.bucket, keyOf(path)))));
  } finally {
    limit.clearQueue();
  }
}
