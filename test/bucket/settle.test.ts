import { describe, expect, it } from 'vitest';
import { listRole } from '../../src/bucket/listing.ts';
import { s3Store } from '../../src/bucket/s3-store.ts';
import { fingerprint, type Known, settledListing } from '../../src/bucket/settle.ts';
import { makeSnapshot } from '../../src/bucket/snapshot.ts';
import type { Store } from '../../src/bucket/store.ts';
import { VirtualClock } from '../support/clock.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { readerAt, rejection, s3ForTest } from '../support/readers.ts';

const SETTLE = 5_000;

/** A real endpoint that lives in the same virtual time as the reader: what is put now is dated now. */
async function bucket() {
  const clock = new VirtualClock();
  const s3 = await s3ForTest({ now: () => clock.now() });
  const store = s3Store(readerAt(s3.url, { clock }), 'bkt', 'p');
  const put = async (path: string, text = 'x') =>
    void (await s3.endpoint.put('bkt', `p/${path}`, { bytes: Buffer.from(text) }));
  const remove = async (path: string) => void (await s3.endpoint.delete('bkt', `p/${path}`));
  const settled = async (more: { known?: Known; settleMs?: number; signal?: AbortSignal } = {}) => {
    const { listing } = await settledListing(store, { settleMs: SETTLE, clock, ...more });
    return listing.objects.map(({ key }) => key);
  };
  return { clock, store, put, remove, settled };
}

/** As a sync that took this listing would have kept it. */
async function knownOf(store: Store): Promise<Known> {
  const { objects, prints = [] } = await listRole(store);
  const snapshot = makeSnapshot(
    objects.map(({ key, size, etag }) => ({ path: key, size, etag, sha256: '', mode: 0o644 })),
  );
  return { snapshot, print: fingerprint({ objects }), prints };
}

describe('a bucket that is quiet', () => {
  it('is taken at once, at one look', async () => {
    const { clock, store, put, settled } = await bucket();
    await put('haulout.ini');
    await put('root/a');
    clock.advance(60_000);
    expect(await settled()).toEqual(['haulout.ini', 'root/a']);
    expect([clock.sleeps, store.cost().requests]).toEqual([[], 2]);
  });

  it('is taken at once when it is empty', async () => {
    const { clock, settled } = await bucket();
    expect([await settled(), clock.sleeps]).toEqual([[], []]);
  });

  it('and is what it was at the last sync costs no wait, however fresh', async () => {
    const { clock, store, put, settled } = await bucket();
    await put('haulout.ini');
    const known = await knownOf(store);
    await put('haulout.ini');
    expect(await settled({ known })).toEqual(['haulout.ini']);
    expect(clock.sleeps).toEqual([]);
  });
});

describe('an upload', () => {
  it('that just ended is waited for until nothing is younger than the settle time', async () => {
    const { clock, put, settled } = await bucket();
    await put('haulout.ini');
    expect(await settled()).toEqual(['haulout.ini']);
    expect(clock.elapsed()).toBeGreaterThanOrEqual(SETTLE);
    expect(clock.elapsed()).toBeLessThan(SETTLE + 1_100);
    expect(clock.sleeps).toHaveLength(1);
  });

  it('that ended some time ago is waited for only the rest', async () => {
    const { clock, put, settled } = await bucket();
    await put('haulout.ini');
    clock.advance(4_000);
    await settled();
    expect(clock.sleeps.reduce((sum, each) => sum + each, 0)).toBeLessThan(2_100);
  });

  it('of many files is taken whole, also when it pauses', async () => {
    const { clock, put, settled } = await bucket();
    await put('haulout.ini');
    for (let i = 1; i <= 5; i++) clock.at(i * 4_000, () => put(`root/${i}`));
    expect(await settled()).toEqual(['haulout.ini', 'root/1', 'root/2', 'root/3', 'root/4', 'root/5']);
    expect(clock.elapsed()).toBeGreaterThanOrEqual(20_000 + SETTLE);
  });

  it('that never ends is given up in bounded time, and said', async () => {
    const { clock, put, settled } = await bucket();
    await put('haulout.ini');
    for (let i = 1; i <= 200; i++) clock.at(i * 2_000, () => put('root/clock', `${i}`));
    expect(await rejection(settled())).toMatchObject({ code: 'bucket-restless', subject: 's3://bkt/p' });
    expect(clock.elapsed()).toBeGreaterThan(12 * SETTLE);
    expect(clock.elapsed()).toBeLessThan(12 * SETTLE + 2 * SETTLE);
  });

  it('is not waited for when the operator said so', async () => {
    const { clock, put, settled } = await bucket();
    await put('haulout.ini');
    await settled({ settleMs: 0 });
    expect(clock.sleeps).toEqual([]);
  });

  it('is no longer waited for when the agent ends', async () => {
    const { clock, put, settled } = await bucket();
    await put('haulout.ini');
    const ending = new AbortController();
    clock.at(1_000, () => ending.abort(new Error('the agent ends')));
    expect(String(await rejection(settled({ signal: ending.signal })))).toContain('the agent ends');
  });
});

describe('an object that vanished leaves no date', () => {
  async function lost() {
    const world = await bucket();
    await world.put('haulout.ini');
    await world.put('root/a');
    const known = await knownOf(world.store);
    world.clock.advance(HOUR);
    await world.remove('root/a');
    return { ...world, known, from: world.clock.elapsed() };
  }
  const HOUR = 3_600_000;

  it('so the bucket is looked at twice, a settle time apart', async () => {
    const { clock, settled, known, from } = await lost();
    expect(await settled({ known })).toEqual(['haulout.ini']);
    expect(clock.elapsed() - from).toBeGreaterThanOrEqual(SETTLE);
    expect(clock.sleeps).toHaveLength(1);
  });

  it('and when it comes back meanwhile, nothing has happened', async () => {
    const { clock, put, settled, known, from } = await lost();
    clock.at(from + 2_000, () => put('root/a'));
    expect(await settled({ known })).toEqual(['haulout.ini', 'root/a']);
    expect(clock.elapsed() - from).toBeLessThan(SETTLE + 1_100);
  });

  it('and when more goes meanwhile, the watch starts again', async () => {
    const { clock, remove, settled, known, from } = await lost();
    clock.at(from + 3_000, () => remove('haulout.ini'));
    expect(await settled({ known })).toEqual([]);
    expect(clock.elapsed() - from).toBeGreaterThanOrEqual(2 * SETTLE);
  });
});

describe('a store whose dates cannot be trusted is watched instead', () => {
  it.each([
    ['dates in the future', Date.UTC(2026, 10, 20), Date.UTC(2026, 10, 20, 1)],
    ['no clock of its own', undefined, Date.UTC(2026, 10, 20)],
    ['a clock of 1970', 0, Date.UTC(2026, 10, 20)],
  ])('%s', async (_, date, lastModified) => {
    const clock = new VirtualClock();
    const store = new MemoryStore();
    store.date = date;
    store.put('haulout.ini', 'x', lastModified);
    const { listing } = await settledListing(store, { settleMs: SETTLE, clock });
    expect(listing.objects).toHaveLength(1);
    expect(clock.elapsed()).toBeGreaterThanOrEqual(SETTLE);
    expect(clock.elapsed()).toBeLessThan(2 * SETTLE);
  });
});

it('a fingerprint is that of paths, sizes and tags, not of times', () => {
  const object = { key: 'a', size: 1, etag: 'e', lastModified: 1 };
  const print = (change: object) => fingerprint({ objects: [{ ...object, ...change }] });
  expect(print({ lastModified: 2 })).toBe(print({}));
  expect(new Set([{}, { key: 'b' }, { size: 2 }, { etag: 'f' }].map(print)).size).toBe(4);
});
