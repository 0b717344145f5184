import { describe, expect, it } from 'vitest';
import type { Store } from '../../src/bucket/store.ts';
import { MemorySink, rejection } from './readers.ts';

/** A store with a role in it that a test may change from the other side. */
export interface StoreUnderTest {
  readonly store: Store;
  put(path: string, text: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/**
 * What every `Store` promises. To add a driver: call this with a way to open one, and nothing else. `faults` are what a server
 * that is not ours does wrong, by the title of the check: there the check must fail, so that a repaired server is noticed.
 */
export function storeContract(
  name: string,
  open: () => Promise<StoreUnderTest>,
  faults: Readonly<Record<string, string>> = {},
): void {
  describe(`the contract of a store: ${name}`, () => {
    const it = checks(faults);
    const objectAt = async (store: Store, path: string) => {
      const { objects } = await store.list('', undefined);
      return objects.find(({ key }) => key === path)!;
    };

    it('with a delimiter lists what lies at the top, and deeper things as prefixes', async () => {
      const { store, put } = await open();
      for (const path of ['haulout.ini', 'notes', 'root/etc/motd', 'root/a', 'services/web/bin/start'])
        await put(path, 'x');
      const { objects, prefixes } = await store.list('', '/');
      expect(objects.map(({ key }) => key)).toEqual(['haulout.ini', 'notes']);
      expect(prefixes).toEqual(['root/', 'services/']);
      expect((await store.list('root/', '/')).prefixes).toEqual(['root/etc/']);
    });

    it('without one lists all that lies below a prefix, and nothing beside it', async () => {
      const { store, put } = await open();
      for (const path of ['root/a', 'root/b/c/d', 'root2/e', 'rooty', 'services/f']) await put(path, 'x');
      const { objects, prefixes } = await store.list('root/', undefined);
      expect([objects.map(({ key }) => key), prefixes]).toEqual([['root/a', 'root/b/c/d'], []]);
    });

    it('lists in the order of the bytes of the keys, every time', async () => {
      const { store, put } = await open();
      const keys = [
        'root/A',
        'root/a',
        'root/a b',
        'root/a-',
        'root/a/b',
        'root/a0',
        'root/\u00e9',
        'root/\uffee',
        'root/\u{1f9ad}',
      ];
      for (const key of [...keys].reverse()) if (key !== 'root/a') await put(key, 'x');
      const { objects } = await store.list('root/', undefined);
      expect(objects.map(({ key }) => key)).toEqual(keys.filter((key) => key !== 'root/a'));
      const again = await store.list('root/', undefined);
      expect(again).toMatchObject({ objects, prefixes: [] });
      const known = await store.list('root/', undefined, new Set(again.prints));
      expect([known.prints, known.objects]).toEqual([again.prints, objects]);
    });

    it('lists more than a page to its end, each thing once, with a delimiter and without', async () => {
      const { store, put } = await open();
      const names = ['a', 'b/1', 'b/2', 'b/3', 'c', 'd/1', 'e/f/g', 'h', 'i/1', 'j', 'k', 'z/1', 'z/2'];
      for (const name of names) await put(`root/${name}`, name);
      const whole = await store.list('root/', undefined);
      expect([whole.objects.map(({ key }) => key), whole.prefixes]).toEqual([names.map((name) => `root/${name}`), []]);
      const { objects, prefixes } = await store.list('root/', '/');
      expect(objects.map(({ key }) => key)).toEqual(['a', 'c', 'h', 'j', 'k'].map((name) => `root/${name}`));
      expect(prefixes).toEqual(['b', 'd', 'e', 'i', 'z'].map((name) => `root/${name}/`));
    });

    it('has nothing below a prefix that is not there', async () => {
      const { store } = await open();
      expect(await store.list('root/', undefined)).toMatchObject({ objects: [], prefixes: [] });
      expect(await store.list('root/', '/')).toMatchObject({ objects: [], prefixes: [] });
    });

    it('says size, time and a tag that changes with the content, even where the size does not', async () => {
      const { store, put } = await open();
      await put('root/a', 'first');
      const before = await objectAt(store, 'root/a');
      expect(before.size).toBe(5);
      expect(Number.isInteger(before.lastModified)).toBe(true);
      expect(Math.abs(before.lastModified - store.serverDate()!)).toBeLessThan(60_000);
      expect((await objectAt(store, 'root/a')).etag).toBe(before.etag);
      await put('root/a', 'other');
      expect((await objectAt(store, 'root/a')).etag).not.toBe(before.etag);
    });

    it('hands over the bytes that were listed, also none, also under odd names', async () => {
      const { store, put } = await open();
      const paths = ['root/empty', 'root/a b+c%20d', `root/'"&<>`, 'root/\u4e16/\u{1f9ad}', 'root/.hidden'];
      for (const path of paths) await put(path, path === 'root/empty' ? '' : `content of ${path}`);
      const { objects } = await store.list('root/', undefined);
      expect(objects).toHaveLength(paths.length);
      for (const object of objects) {
        const sink = new MemorySink();
        await store.read(object, sink);
        expect(sink.text).toBe(object.size === 0 ? '' : `content of ${object.key}`);
        expect(sink.restarts).toBeGreaterThan(0);
      }
    });

    it('refuses what changed since, to anything of any length', async () => {
      const { store, put } = await open();
      for (const now of ['other', 'longer than before', '', 'a']) {
        await put('root/a', 'first');
        const listed = await objectAt(store, 'root/a');
        await put('root/a', now);
        const sink = new MemorySink();
        expect(await rejection(store.read(listed, sink))).toMatchObject({ code: 's3-PreconditionFailed' });
        expect(sink.most).toBeLessThanOrEqual(5);
      }
    });

    it('refuses what is gone', async () => {
      const { store, put, remove } = await open();
      await put('root/a', 'first');
      const listed = await objectAt(store, 'root/a');
      await remove('root/a');
      expect(await rejection(store.read(listed, new MemorySink()))).toMatchObject({ code: 's3-NoSuchKey' });
    });

    it('passes on what the sink throws, as it is', async () => {
      const { store, put } = await open();
      await put('root/a', 'first');
      const full = Object.assign(new Error('full'), { code: 'ENOSPC' });
      const sink = { restart: () => undefined, write: () => Promise.reject(full) };
      expect(await rejection(store.read(await objectAt(store, 'root/a'), sink))).toBe(full);
    });

    it('counts what it cost', async () => {
      const { store, put } = await open();
      await put('root/a', 'first');
      const listed = await objectAt(store, 'root/a');
      expect(store.cost().requests).toBe(1);
      await store.read(listed, new MemorySink()); // the first read may find out how the store compares tags
      const before = store.cost();
      await store.read(listed, new MemorySink());
      expect(store.cost()).toEqual({ requests: before.requests + 1, bytes: before.bytes + 5 });
    });

    it('has a name for people', async () => {
      expect((await open()).store.name).toMatch(/^(s3:\/\/|directory )./);
    });
  });
}

/** `it`, where a check that a server is known to fail must fail. */
export function checks(
  faults: Readonly<Record<string, string>>,
): (title: string, check: () => Promise<void>, timeout?: number) => void {
  return (title, check, timeout) => {
    const fault = faults[title];
    if (fault === undefined) it(title, check, timeout);
    else it.fails(`${title} [its own fault: ${fault}]`, check, timeout);
  };
}
