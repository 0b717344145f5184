import type { BucketReader } from '../aws/read.ts';
import { once } from '../lib/once.ts';
import type { Store } from './store.ts';

/** A role's prefix in an S3 bucket. */
export function s3Store(reader: BucketReader, bucket: string, prefix: string): Store {
  const base = prefix === '' ? '' : `${prefix}/`;
  return {
    name: `s3://${bucket}/${prefix}`,
    async list(inside, delimiter, known) {
      const listing = await reader.list(base + inside, delimiter, known);
      const objects = once(() =>
        listing.objects
          .filter(({ key }) => key.startsWith(base))
          .map(({ key, size, etag, lastModified }) => ({ key: key.slice(base.length), size, etag, lastModified })),
      );
      return {
        get objects() {
          return objects();
        },
        prefixes: listing.prefixes.filter((key) => key.startsWith(base)).map((key) => key.slice(base.length)),
        prints: listing.prints,
      };
    },
    read: (object, sink) => reader.read({ ...object, key: base + object.key }, sink),
    serverDate: () => reader.serverDate,
    cost: () => reader.cost,
  };
}
