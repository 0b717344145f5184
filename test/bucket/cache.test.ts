import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ContentCache } from '../../src/bucket/cache.ts';
import { directoryStore } from '../../src/bucket/directory-store.ts';
import type { Store, StoredObject } from '../../src/bucket/store.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { describeWith, root } from '../support/needs.ts';
import { readerAt, rejection } from '../support/readers.ts';
import { put, scratch } from '../support/scratch.ts';
import { say, startWire } from '../support/wire.ts';

async function fetched(
  text: string,
): Promise<{ cache: ContentCache; store: Store; object: StoredObject; digest: string }> {
  const directory = scratch();
  put(join(directory, 'role', 'a'), text);
  const store = directoryStore(join(directory, 'role'));
  const object = (await store.list('', '/')).objects[0]!;
  const cache = new ContentCache(join(directory, 'cache'));
  return { cache, store, object, digest: await cache.fetch(store, object) };
}

describe('content that was fetched', () => {
  it('stands under its digest, for root alone', async () => {
    const { cache, digest } = await fetched('hello');
    expect(digest).toBe(sha256('hello'));
    expect(readdirSync(cache.directory)).toEqual([digest]);
    expect(statSync(cache.pathOf(digest)).mode & 0o777).toBe(0o600);
    expect(statSync(cache.directory).mode & 0o777).toBe(0o700);
    expect([cache.has(digest, 5), await cache.has(digest, 6)]).toEqual([true, false]);
    expect((await cache.bytes(digest, 5)).toString()).toBe('hello');
  });

  it('may be empty, and may be fetched twice at once', async () => {
    const { cache, store, object, digest } = await fetched('');
    const again = await Promise.all([cache.fetch(store, object), cache.fetch(store, object)]);
    expect([...again, digest]).toEqual(Array(3).fill(sha256('')));
    expect(readdirSync(cache.directory)).toEqual([digest]);
  });

  it.each<[string, (path: string) => void]>([
    ['a file', (path) => writeFileSync(path, '')],
    ['a link to itself', (path) => symlinkSync(path, path)],
    ['a link to nothing', (path) => symlinkSync('/nowhere/at/all', path)],
  ])('is not there where the whole cache is %s, and comes back (law 5)', async (_, make) => {
    const { cache, store, object, digest } = await fetched('hello');
    rmSync(cache.directory, { recursive: true });
    make(cache.directory);
    expect(cache.has(digest, 5)).toBe(false);
    expect(await cache.fetch(store, object)).toBe(digest);
    expect(cache.has(digest, 5)).toBe(true);
  });

  it('is not there where its name is a directory', async () => {
    const cache = new ContentCache(scratch());
    mkdirSync(cache.pathOf(sha256('x')));
    expect(cache.has(sha256('x'), statSync(cache.pathOf(sha256('x'))).size)).toBe(false);
    expect(await rejection(cache.bytes(sha256('x'), 1e6))).toMatchObject({ code: 'content-missing' });
  });
});

describe('a copy that the disk spoilt', () => {
  it.each(['hellO', 'hell', 'hello!', ''])('here to %j, is never handed out, and is removed', async (bad) => {
    const { cache, digest } = await fetched('hello');
    writeFileSync(cache.pathOf(digest), bad);
    expect(await rejection(cache.bytes(digest, 100))).toMatchObject({
      code: 'content-missing',
      subject: `objects/${digest}`,
    });
    expect(readdirSync(cache.directory)).toEqual([]);
  });

  it('is not used by its path either', async () => {
    const { cache, digest } = await fetched('hello');
    expect(await cache.verified(digest, 5)).toBe(cache.pathOf(digest));
    writeFileSync(cache.pathOf(digest), 'HELLO');
    expect(await rejection(cache.verified(digest, 5))).toMatchObject({ code: 'content-missing' });
    expect(readdirSync(cache.directory)).toEqual([]);
  });

  it.each<[string, (path: string) => unknown]>([
    ['a pipe that nobody fills', (path) => execFileSync('mkfifo', [path])],
    [
      'a hundred gigabytes of nothing',
      (path) => {
        writeFileSync(path, '');
        truncateSync(path, 100 * 1024 ** 3);
      },
    ],
  ])('%s in its place holds nobody up (law 5)', async (_, make) => {
    const { cache, digest } = await fetched('hello');
    const path = cache.pathOf(digest);
    rmSync(path);
    make(path);
    expect(await rejection(cache.verified(digest, 5))).toMatchObject({ code: 'content-missing' });
  });

  it('is put right by the next fetch', async () => {
    const { cache, store, object, digest } = await fetched('hello');
    writeFileSync(cache.pathOf(digest), 'HELLO');
    await rejection(cache.bytes(digest, 100));
    await cache.fetch(store, object);
    expect((await cache.bytes(digest, 100)).toString()).toBe('hello');
  });
});

it('more than the limit is not read into memory', async () => {
  const { cache, digest } = await fetched('hello');
  expect(await rejection(cache.bytes(digest, 4))).toMatchObject({ code: 'content-missing' });
  expect(cache.has(digest, 5)).toBe(true);
});

describe('bytes that are here already', () => {
  it('are kept under their digest, once', async () => {
    const cache = new ContentCache(join(scratch(), 'cache'));
    const digest = await cache.keep(Buffer.from('hello'));
    const { ino } = statSync(cache.pathOf(digest));
    expect(await cache.keep(Buffer.from('hello'))).toBe(digest);
    expect([digest, statSync(cache.pathOf(digest)).ino]).toEqual([sha256('hello'), ino]);
  });

  it('replace a copy of another length', async () => {
    const cache = new ContentCache(scratch());
    writeFileSync(cache.pathOf(sha256('hello')), 'torn');
    await cache.keep(Buffer.from('hello'));
    expect((await cache.bytes(sha256('hello'), 5)).toString()).toBe('hello');
  });
});

describe('a fetch that fails', () => {
  it('leaves nothing: a broken connection, a changed object, a second try that is shorter', async () => {
    const wire = await startWire((response, _, count) => {
      if (count > 1) return say(response, 200, 'short');
      response.writeHead(200, { 'content-length': '10' });
      response.write('longer', () => response.socket?.destroySoon());
    });
    const cache = new ContentCache(scratch());
    const reader = readerAt(wire.url);
    const store = { read: reader.read.bind(reader) } as Store;
    const object = { key: 'a', etag: '', size: 10, lastModified: 0 };
    expect(await rejection(cache.fetch(store, object))).toMatchObject({ code: 'body-incomplete' });
    expect(readdirSync(cache.directory)).toEqual([]);
  });

  it('and then succeeds has the bytes of the last try alone', async () => {
    const wire = await startWire((response, _, count) => {
      if (count > 1) return say(response, 200, 'abcde');
      response.writeHead(200, { 'content-length': '5' });
      response.write('XYZ', () => response.socket?.destroySoon());
    });
    const cache = new ContentCache(scratch());
    const reader = readerAt(wire.url);
    const store = { read: reader.read.bind(reader) } as Store;
    const digest = await cache.fetch(store, { key: 'a', etag: '', size: 5, lastModified: 0 });
    expect((await cache.bytes(digest, 5)).toString()).toBe('abcde');
  });
});

describe('a sweep', () => {
  it('keeps what is named and removes the rest, half-written files and directories among it', async () => {
    const { cache, digest } = await fetched('hello');
    writeFileSync(join(cache.directory, 'tmp-0123456789abcdef'), 'half');
    writeFileSync(cache.pathOf(sha256('old')), 'old');
    mkdirSync(join(cache.directory, 'strange', 'deep'), { recursive: true });
    expect(await cache.sweep(new Set([digest]))).toBe(3);
    expect(readdirSync(cache.directory)).toEqual([digest]);
  });

  it('of a cache that is not there removes nothing', async () => {
    expect(await new ContentCache(join(scratch(), 'none')).sweep(new Set())).toBe(0);
  });
});

describeWith([root], 'a cache on a disk that is full', () => {
  it('refuses what does not fit whole, instead of keeping a part under the digest of the whole', async () => {
    const directory = scratch();
    const disk = join(directory, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32k,mode=0700', 'haulout-test', disk]);
    onTestFinished(() => void execFileSync('umount', [disk]));
    put(join(directory, 'role', 'a'), Buffer.alloc(60_000, 'a'));
    put(join(directory, 'role', 'fits'), 'small');
    chmodSync(disk, 0o700);
    const cache = new ContentCache(disk);
    const store = directoryStore(join(directory, 'role'));
    const [large, small] = (await store.list('', '/')).objects;
    expect(await rejection(cache.fetch(store, large!))).toMatchObject({ code: 'ENOSPC' });
    expect(await rejection(cache.keep(Buffer.alloc(100_000)))).toMatchObject({ code: 'ENOSPC' });
    expect(readdirSync(disk)).toEqual([]);
    expect(await cache.fetch(store, small!)).toBe(sha256('small'));
  });
});
