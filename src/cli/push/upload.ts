import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import type { BucketAddress } from '../../aws/location.ts';
import type { BucketWriter } from '../../aws/write.ts';
import { SPEC_PATH } from '../../bucket/snapshot.ts';
import { errorCode, HauloutError } from '../../lib/errors.ts';
import type { RoleDirectory } from '../role-directory.ts';
import type { Differences, LocalFile } from './differences.ts';

const AT_ONCE = 8;
/** What is larger goes up by itself: a file is in memory while it is sent. */
const LARGE = 32 * 1024 * 1024;
/** Of what is put in one piece: more does not fit into one reading of Node's. */
const LARGEST = 2 ** 31 - 1;

/** What stands in a directory, with the sums that a bucket and that instances know it by. */
export async function localFiles(role: RoleDirectory): Promise<readonly LocalFile[]> {
  for (const { key, size } of role.listing.objects) if (size > LARGEST) throw tooLarge(join(role.path, key), size);
  const limit = pLimit(AT_ONCE);
  const read = async (key: string): Promise<LocalFile> => {
    const [md5, sum] = [createHash('md5'), createHash('sha256')];
    let size = 0;
    const path = join(role.path, key);
    try {
      for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
        size += chunk.length;
        md5.update(chunk);
        sum.update(chunk);
      }
    } catch (error) {
      throw unreadable(path, error);
    }
    return { key, size, md5: md5.digest('hex'), sha256: sum.digest('hex') };
  };
  return await Promise.all(role.listing.objects.map(({ key }) => limit(read, key)));
}

function tooLarge(path: string, size: number): HauloutError {
  return new HauloutError({
    code: 'file-too-large',
    step: 'push',
    subject: path,
    reason: `${size} bytes are more than is uploaded in one piece (${LARGEST}), and nothing was uploaded`,
    hint: 'put this one into the bucket with another tool and keep it out of the directory: without --delete it is left there',
  });
}

/** Gone since the directory was listed, or not to be read. */
function unreadable(path: string, error: unknown): HauloutError {
  return new HauloutError(
    {
      code: 'file-unreadable',
      step: 'push',
      subject: path,
      reason: `this file cannot be read (${errorCode(error) ?? 'unknown'}); the spec was not uploaded, nor was anything deleted`,
      hint: 'was it changed while it was pushed? Run it again: what is uploaded already is not uploaded again',
    },
    error,
  );
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
  const [several, alone] = [pLimit(AT_ONCE), pLimit(1)];
  const large = new Set(role.listing.objects.filter(({ size }) => size > LARGE).map(({ key }) => key));
  const content = upload.filter((path) => path !== SPEC_PATH);
  const keyOf = (path: string) => (to.prefix === '' ? path : `${to.prefix}/${path}`);
  let done = 0;
  const put = async (path: string): Promise<void> => {
    const local = join(role.path, path);
    const bytes = await readFile(local).catch((error: unknown) => {
      throw unreadable(local, error);
    });
    await writer.put(to.bucket, keyOf(path), bytes);
    how.told(++done);
  };
  try {
    await Promise.all(content.map((path) => (large.has(path) ? alone : several)(put, path)));
    if (upload.includes(SPEC_PATH)) await put(SPEC_PATH);
    if (how.remove) await Promise.all(extra.map((path) => several(() => writer.delete(to.bucket, keyOf(path)))));
  } finally {
    several.clearQueue();
    alone.clearQueue();
  }
}
