import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { directoryStore } from '../../src/bucket/directory-store.ts';
import { s3Store } from '../../src/bucket/s3-store.ts';
import { resolveLocalNames } from '../support/local-names.ts';
import { readerAt, rejection, s3ForTest } from '../support/readers.ts';
import { put, scratch } from '../support/scratch.ts';
import { type StoreUnderTest, storeContract } from '../support/store-contract.ts';

interface Way extends NonNullable<Parameters<typeof s3ForTest>[0]> {
  readonly unsigned?: boolean;
  /** The bucket in the host's name. */
  readonly inHost?: boolean;
}

async function s3Under(
  prefix: string,
  { unsigned = false, inHost = false, ...options }: Way = {},
): Promise<StoreUnderTest> {
  const s3 = await s3ForTest({ ...options, anonymousRead: unsigned });
  const start = inHost ? `http://{bucket}.localhost:${new URL(s3.url).port}` : s3.url;
  const url = start + (options.basePath ?? '');
  if (inHost) resolveLocalNames();
  const base = prefix === '' ? '' : `${prefix}/`;
  if (prefix !== '')
    for (const stray of ['x', `${prefix}2/root/x`, `${prefix}`, 'root/x'])
      await s3.endpoint.put('bkt', stray, { bytes: Buffer.from('x') });
  return {
    store: s3Store(readerAt(url, unsigned ? { credentials: async () => undefined } : {}), 'bkt', prefix),
    put: async (path, text) => void (await s3.endpoint.put('bkt', base + path, { bytes: Buffer.from(text) })),
    remove: async (path) => void (await s3.endpoint.delete('bkt', base + path)),
  };
}

storeContract('a bucket', () => s3Under(''));
storeContract('a prefix of a bucket', () => s3Under('envs/prod/pl an+et'));
storeContract('a bucket in pages of two', () => s3Under('', { pageKeys: 2 }));
storeContract('a bucket that only knows ListObjectsV1', () => s3Under('', { listing: 'v1-only' }));
storeContract('the same in pages of two, unsigned, a prefix, an endpoint with a path', () =>
  s3Under('a b/c', { listing: 'v1-only', pageKeys: 2, basePath: '/services/Walrus', unsigned: true }),
);
storeContract('an endpoint with a path, signed', () => s3Under('', { basePath: '/services/objectstorage' }));
storeContract('the bucket in the host, in pages of two', () => s3Under('a b', { inHost: true, pageKeys: 2 }));
storeContract('the bucket in the host of an endpoint with a path, unsigned', () =>
  s3Under('', { inHost: true, basePath: '/services/Walrus', unsigned: true }),
);
storeContract('a bucket whose store compares tags without quotes', () => s3Under('', { ifMatch: 'bare' }));
storeContract('a directory', async () => {
  const directory = join(scratch(), 'role');
  mkdirSync(directory);
  put(join(dirname(directory), 'role2', 'x'), 'x');
  return {
    store: directoryStore(directory),
    put: async (path, text) => void put(join(directory, path), text),
    remove: async (path) => rmSync(join(directory, path)),
  };
});

it('a directory that is not there says how to make one', async () => {
  const error = await rejection(directoryStore(join(scratch(), 'none')).list('', '/'));
  expect(error).toMatchObject({ code: 'directory-unreadable', hint: expect.stringContaining('haulout init') });
});

it('in a directory a link to a file is the file, a dangling one is nothing, a directory is no object', async () => {
  const directory = scratch();
  put(join(directory, 'root/a'), 'text');
  symlinkSync('a', join(directory, 'root/link'));
  symlinkSync('nowhere', join(directory, 'root/dangling'));
  mkdirSync(join(directory, 'root/empty'));
  const { objects } = await directoryStore(directory).list('root/', undefined);
  expect(objects.map(({ key, size }) => [key, size])).toEqual([
    ['root/a', 4],
    ['root/link', 4],
  ]);
});
