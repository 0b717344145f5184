import type { Checksum } from './checksums.ts';
import { type Content, ContentFiles } from './content.ts';
import { S3Error } from './errors.ts';
import { compareKeys, lowerBound } from './key-order.ts';

export interface StoredObject {
  readonly key: string;
  readonly content: Content;
  /** Without quotes. */
  readonly etag: string;
  /** Whole seconds, in milliseconds since 1970: S3 keeps no finer time. */
  readonly lastModified: number;
  /** What the client wants to get back with it: content-type, cache-control ..., x-amz-meta-*. */
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum: Checksum | undefined;
}

/** Sees what stands under the key at the moment of the change; throws to prevent it. */
export type Precondition = (present: StoredObject | undefined) => void;

export class Bucket {
  readonly name: string;
  readonly createdAt: number;
  readonly #objects = new Map<string, StoredObject>();
  readonly #keys: string[] = [];

  constructor(name: string, createdAt: number) {
    this.name = name;
    this.createdAt = createdAt;
  }

  /** In the order of their UTF-8 bytes. */
  get keys(): readonly string[] {
    return this.#keys;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  set(object: StoredObject): void {
    if (!this.#objects.has(object.key)) this.#keys.splice(lowerBound(this.#keys, object.key), 0, object.key);
    this.#objects.set(object.key, object);
  }

  remove(key: string): void {
    if (this.#objects.delete(key)) this.#keys.splice(lowerBound(this.#keys, key), 1);
  }
}

/** The index in memory, the contents on disk. A change of the index is one step without a wait: readers see it whole. */
export class ObjectStore {
  readonly contents: ContentFiles;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(dataDirectory: string, now: () => number) {
    this.contents = new ContentFiles(dataDirectory);
    this.#now = now;
  }

  get buckets(): readonly Bucket[] {
    return [...this.#buckets.values()].sort((a, b) => compareKeys(a.name, b.name));
  }

  has(bucket: string): boolean {
    return this.#buckets.has(bucket);
  }

  bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (!bucket) throw new S3Error('NoSuchBucket', { fields: { BucketName: name } });
    return bucket;
  }

  createBucket(name: string): void {
    checkBucketName(name);
    if (!this.#buckets.has(name)) this.#buckets.set(name, new Bucket(name, this.now()));
  }

  object(bucket: string, key: string): StoredObject {
    const object = this.bucket(bucket).get(key);
    if (!object) throw new S3Error('NoSuchKey', { fields: { Key: key } });
    return object;
  }

  now(): number {
    return Math.floor(this.#now() / 1_000) * 1_000;
  }

  /** Takes the content over: it is discarded here when the precondition does not hold. */
  async commit(
    bucketName: string,
    draft: Omit<StoredObject, 'lastModified'>,
    precondition: Precondition = () => undefined,
  ): Promise<StoredObject> {
    let replaced: StoredObject | undefined;
    const object: StoredObject = { ...draft, lastModified: this.now() };
    try {
      const bucket = this.bucket(bucketName);
      replaced = bucket.get(draft.key);
      precondition(replaced);
      bucket.set(object);
    } catch (error) {
      await this.contents.discard(draft.content);
      throw error;
    }
    if (replaced) await this.contents.discard(replaced.content);
    return object;
  }

  /** Whether there was something to delete. */
  async delete(bucketName: string, key: string, precondition: Precondition = () => undefined): Promise<boolean> {
    const bucket = this.bucket(bucketName);
    const present = bucket.get(key);
    precondition(present);
    if (!present) return false;
    bucket.remove(key);
    await this.contents.discard(present.content);
    return true;
  }
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
function checkBucketName(name: string): void {
  const shape = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name);
  if (!shape || name.includes('..') || /^\d+\.\d+\.\d+\.\d+$/.test(name)) {
    throw new S3Error('InvalidBucketName', { fields: { BucketName: name } });
  }
}
