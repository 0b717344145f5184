import type { BucketReader } from '../aws/read.ts';
import type { Store } from './store.ts';

/** A role's prefix in an S3 bucket. */
export function s3Store(reader: BucketReader, bucket: string, prefix: string): Store {
  const base = prefix === '' ? '' : `${prefix}/`;
  return {
    name: `s3://${bucket}/${prefix}`,
    async list(inside, delimiter) {
      const { objects, prefixes } = await reader.list(base + inside, delimiter);
      return {
        objects: objects
          .filter(({ key }) => key.startsWith(base))
          .map(({ key, size, etag, lastModified }) => ({ key: key.slice(base.length), size, etag, lastModified })),
        prefixes: prefixes.filter((key) => key.startsWith(base)).map((key) => key.slice(base.length)),
      };
    },
    read: (object, sink) => reader.read({ ...object, key: base + object.key }, sink),
    serverDate: () => reader.serverDate,
    cost: () => reader.cost,
  };
}
