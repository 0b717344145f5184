import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ContentCache } from '../../src/bucket/cache.ts';
import { s3Store } from '../../src/bucket/s3-store.ts';
import type { Store } from '../../src/bucket/store.ts';
import { type Taken, type TakeOptions, takeSnapshot } from '../../src/bucket/take.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { VirtualClock } from '../support/clock.ts';
import { MemorySink, readerAt, rejection, s3ForTest } from '../support/readers.ts';
import { scratch } from '../support/scratch.ts';

/** A real endpoint with a role, and a cache on disk. Nothing in it is fresh. */
async function role(contents: Readonly<Record<string, string>>) {
  const clock = new VirtualClock();
  const s3 = await s3ForTest({ now: () => clock.now() });
  const store = s3Store(readerAt(s3.url, { clock }), 'bkt', 'planet');
  const cache = new ContentCache(join(scratch(), 'objects'));
  const put = async (path: string, text: string) => {
    await s3.endpoint.put('bkt', `planet/${path}`, { bytes: Buffer.from(text) });
    clock.advance(10_000);
  };
  for (const [path, text] of Object.entries(contents)) await put(path, text);
  const take = (last?: Taken, from: Store = store) => {
    const options: TakeOptions = { settleMs: 5_000, clock, last };
    return takeSnapshot(from, cache, options);
  };
  const requestsOf = async <T>(action: () => Promise<T>): Promise<[number, T]> => {
    const before = store.cost().requests;
    const result = await action();
    return [store.cost().requests - before, result];
  };
  return { s3, store, cache, put, take, requestsOf };
}

const PLANET = { 'haulout.ini': '[haulout]\n', 'root/etc/motd': 'hello', 'services/web/bin/start': '#!/bin/sh\n' };

describe('a snapshot', () => {
  it('has every object by content, with its mode, and all of it in the cache', async () => {
    const { cache, take } = await role({ ...PLANET, README: 'stranger' });
    const taken = await take();
    expect(taken?.snapshot.entries.map(({ path, mode, sha256: digest }) => [path, mode, digest])).toEqual([
      ['haulout.ini', 0o644, sha256('[haulout]\n')],
      ['root/etc/motd', 0o644, sha256('hello')],
      ['services/web/bin/start', 0o755, sha256('#!/bin/sh\n')],
    ]);
    expect([taken?.fetched, taken?.strangers]).toEqual([3, ['README']]);
    for (const entry of taken!.snapshot.entries) expect((await cache.bytes(entry.sha256, 100)).length).toBe(entry.size);
  });

  it.each([
    ['an empty prefix', {}],
    ['one without a spec', { 'root/etc/motd': 'hello', 'services/web/bin/start': 'x' }],
    ['one whose spec has another name', { 'Haulout.ini': '', 'haulout.ini.bak': '', 'x/haulout.ini': '' }],
  ])('of %s is no news, and nothing is fetched for it', async (_, contents) => {
    const { cache, s3, take } = await role(contents);
    expect(await take()).toBeUndefined();
    expect(s3.log.filter(({ operation }) => operation === 'GetObject')).toEqual([]);
    expect(readdirSync(join(cache.directory, '..'))).toEqual([]);
  });

  it('of a role of four hundred objects is fetched in four hundred requests and three', async () => {
    const contents = Object.fromEntries(Array.from({ length: 399 }, (_, i) => [`root/${i}`, `${i}`]));
    const { take, requestsOf } = await role({ 'haulout.ini': '', 'services/x.tgz': 'x', ...contents });
    const [requests, taken] = await requestsOf(() => take());
    expect([requests, taken?.fetched]).toEqual([404, 401]);
  });
});

describe('a snapshot after another', () => {
  it('of a bucket that did not change costs the listing', async () => {
    const { take, requestsOf } = await role(PLANET);
    const first = await take();
    const [requests, second] = await requestsOf(() => take(first));
    expect([requests, second?.fetched]).toEqual([3, 0]);
    expect(second?.snapshot).toEqual(first?.snapshot);
    expect(second?.print).toBe(first?.print);
  });

  it('fetches the one object that changed', async () => {
    const { put, take, requestsOf } = await role(PLANET);
    const first = await take();
    await put('root/etc/motd', 'other');
    const [requests, second] = await requestsOf(() => take(first));
    expect([requests, second?.fetched]).toEqual([4, 1]);
    expect(second?.snapshot.digest).not.toBe(first?.snapshot.digest);
  });

  it('fetches nothing where the same content was uploaded again', async () => {
    const { put, take } = await role(PLANET);
    const first = await take();
    await put('root/etc/motd', 'hello');
    expect((await take(first))?.fetched).toBe(0);
  });

  it('fetches what the cache lost, or has in another length', async () => {
    const { cache, take } = await role(PLANET);
    const first = await take();
    rmSync(cache.pathOf(sha256('hello')));
    writeFileSync(cache.pathOf(sha256('[haulout]\n')), 'torn');
    const second = await take(first);
    expect(second?.fetched).toBe(2);
    expect(second?.snapshot).toEqual(first?.snapshot);
    expect((await cache.bytes(sha256('[haulout]\n'), 100)).toString()).toBe('[haulout]\n');
  });

  it('has what was fetched synced once, after the last of it, and nothing when there was nothing (law 6)', async () => {
    const { cache, put, take } = await role(PLANET);
    const atSync: number[] = [];
    const sync = cache.sync.bind(cache);
    cache.sync = async () => {
      atSync.push(readdirSync(cache.directory).length);
      await sync();
    };
    const first = await take();
    await take(first);
    await put('root/etc/motd', 'another');
    expect((await take(first))?.fetched).toBe(1);
    expect(atSync).toEqual([3, 4]);
  });

  it('without its cache is fetched whole', async () => {
    const { cache, take } = await role(PLANET);
    const first = await take();
    rmSync(cache.directory, { recursive: true });
    expect((await take(first))?.fetched).toBe(3);
  });

  it('leaves out what is gone, and has the digest it had before when it comes back', async () => {
    const { s3, put, take } = await role(PLANET);
    const first = await take();
    await s3.endpoint.delete('bkt', 'planet/root/etc/motd');
    const second = await take(first);
    expect([second?.fetched, second?.snapshot.entries.length]).toEqual([0, 2]);
    await put('root/etc/motd', 'hello');
    expect((await take(second))?.snapshot.digest).toBe(first?.snapshot.digest);
  });
});

describe('a bucket that changes while it is read', () => {
  /** The same store, where something happens between its listing and its objects. */
  const thenDo = (store: Store, act: () => Promise<unknown>): Store => ({
    ...store,
    async list(prefix, delimiter) {
      const listed = await store.list(prefix, delimiter);
      if (prefix === 'services/') await act();
      return listed;
    },
  });

  it('an object that is another by then fails the snapshot, and leaves no part of it', async () => {
    const { store, cache, put, take } = await role(PLANET);
    const error = await rejection(
      take(
        undefined,
        thenDo(store, () => put('root/etc/motd', 'other')),
      ),
    );
    expect(error).toMatchObject({ code: 's3-PreconditionFailed', subject: 'planet/root/etc/motd' });
    await expect.poll(() => readdirSync(cache.directory).filter((name) => name.startsWith('tmp-'))).toEqual([]);
    expect(readdirSync(cache.directory)).not.toContain(sha256('other'));
    expect((await take())?.snapshot.entries).toHaveLength(3);
  });

  it('an object that is gone by then fails it too', async () => {
    const { s3, store, take } = await role(PLANET);
    const gone = thenDo(store, () => s3.endpoint.delete('bkt', 'planet/root/etc/motd'));
    expect(await rejection(take(undefined, gone))).toMatchObject({ code: 's3-NoSuchKey' });
  });

  it('a deleted bucket is an error and not an empty one', async () => {
    const { s3, cache } = await role(PLANET);
    const store = s3Store(readerAt(s3.url, { bucket: 'gone' }), 'gone', 'planet');
    const options = { settleMs: 0, clock: new VirtualClock(), last: undefined };
    expect(await rejection(takeSnapshot(store, cache, options))).toMatchObject({ code: 's3-NoSuchBucket' });
  });
});

it('what cannot be written to the cache fails the snapshot with the error of the disk', async () => {
  const { store } = await role(PLANET);
  const place = join(scratch(), 'file');
  writeFileSync(place, 'no directory');
  mkdirSync(`${place}.d`);
  const cache = new ContentCache(join(place, 'objects'));
  const options = { settleMs: 0, clock: new VirtualClock(), last: undefined };
  expect(await rejection(takeSnapshot(store, cache, options))).toMatchObject({ code: 'ENOTDIR' });
  const sink = new MemorySink();
  await store.read((await store.list('', '/')).objects[0]!, sink);
  expect(sink.text).toBe('[haulout]\n');
});
