import type { StoredObject } from '../../bucket/store.ts';

/** A file of the directory, as it would stand in the bucket. */
export interface LocalFile {
  readonly key: string;
  readonly size: number;
  /** Lower-case hex. */
  readonly md5: string;
  readonly sha256: string;
}

export interface Differences {
  readonly upload: readonly string[];
  /** In the bucket, and not in the directory. */
  readonly extra: readonly string[];
  readonly same: number;
}

const MD5 = /^[0-9a-f]{32}$/;

/**
 * An entity tag is the MD5 of an object that was put in one piece, and anything else where it was put in parts or is encrypted by a key of
 * its own: then nothing is known, and the file is uploaded again.
 */
export function isSame({ size, md5 }: LocalFile, object: StoredObject): boolean {
  return object.size === size && MD5.test(object.etag) && object.etag === md5;
}

export function differences(local: readonly LocalFile[], remote: readonly StoredObject[]): Differences {
  const there = new Map(remote.map((object) => [object.key, object]));
  const isThere = (file: LocalFile) => {
    const object = there.get(file.key);
    return object !== undefined && isSame(file, object);
  };
  const upload = local.filter((file) => !isThere(file)).map(({ key }) => key);
  const ours = new Set(local.map(({ key }) => key));
  const extra = remote.map(({ key }) => key).filter((key) => !ours.has(key));
  return { upload, extra, same: local.length - upload.length };
}
