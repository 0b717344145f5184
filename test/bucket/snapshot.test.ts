import { describe, expect, it } from 'vitest';
import { imageArchive, imageDigest, imageEntries } from '../../src/bucket/image.ts';
import { makeSnapshot, modeOf, type SnapshotEntry } from '../../src/bucket/snapshot.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { Chance } from '../support/chance.ts';

const entry = (path: string, change: Partial<SnapshotEntry> = {}): SnapshotEntry => ({
  path,
  size: 1,
  sha256: sha256(path),
  mode: modeOf(path),
  etag: 'e',
  ...change,
});
const digestOf = (...entries: SnapshotEntry[]) => makeSnapshot(entries).digest;

describe('the digest of a snapshot', () => {
  it('does not depend on the order, for any order', () => {
    const random = new Chance();
    const cases = 500;
    for (let i = 0; i < cases; i++) {
      const paths = new Set(
        Array.from({ length: random.below(12) }, () => random.text([...'ab/-.\u00e9', '\u{1f9ad}'], 8)),
      );
      const entries = [...paths].map((path) => entry(path));
      const shuffled = entries.map((each) => [random.below(1e9), each] as const).sort(([a], [b]) => a - b);
      const other = makeSnapshot(shuffled.map(([, each]) => each));
      expect(other, `seed ${random.seed}, case ${i}`).toEqual(makeSnapshot(entries));
    }
    console.log(`snapshot: ${cases} sets in two orders, seed ${random.seed}`);
  });

  it('is that of its content, its names, its sizes and its modes', () => {
    const base = digestOf(entry('a'), entry('b'));
    const others = [
      digestOf(entry('a')),
      digestOf(entry('a'), entry('c', { sha256: sha256('b') })),
      digestOf(entry('a'), entry('b', { sha256: sha256('x') })),
      digestOf(entry('a'), entry('b', { size: 2 })),
      digestOf(entry('a'), entry('b', { mode: 0o755 })),
      digestOf(entry('a', { sha256: sha256('b') }), entry('b', { sha256: sha256('a') })),
      digestOf(),
    ];
    expect(new Set([base, ...others]).size).toBe(8);
  });

  it('is not that of the entity tags', () => {
    expect(digestOf(entry('a', { etag: 'x' }))).toBe(digestOf(entry('a', { etag: 'y' })));
  });

  it('leaves the list it was given as it was', () => {
    const entries = [entry('b'), entry('a')];
    expect(makeSnapshot(entries).entries.map(({ path }) => path)).toEqual(['a', 'b']);
    expect(entries.map(({ path }) => path)).toEqual(['b', 'a']);
  });
});

describe('the mode by where an object stands', () => {
  it.each([
    'services/web/bin/start',
    'services/web/bin/deep/er',
    'services/web/etc/services/worker',
    'services/web/etc/run/migrate',
    'services/web/etc/promise/port',
  ])('%s is executable', (path) => {
    expect(modeOf(path)).toBe(0o755);
  });

  it.each([
    'haulout.ini',
    'root/usr/local/bin/tool',
    'services/web.tgz',
    'services/bin/start',
    'services/web/cfg/bin',
    'services/web/bin',
    'services/web/bin/',
    'services/web/lib/bin/x',
    'services/web/etc/passwd',
    'services/web/etc/services',
    'services/web/etc/promises/x',
    'xservices/web/bin/start',
    'root/services/web/bin/start',
  ])('%s is not', (path) => {
    expect(modeOf(path)).toBe(0o644);
  });
});

describe('a service image in a snapshot', () => {
  const snapshot = makeSnapshot([
    entry('services/web/bin/start'),
    entry('services/web/cfg/x'),
    entry('services/web2/bin/start'),
    entry('services/db.tgz'),
    entry('root/services/web/bin/other'),
  ]);

  it('is its tree, with paths of its own', () => {
    expect(imageEntries(snapshot, 'services/web').map(({ path }) => path)).toEqual(['bin/start', 'cfg/x']);
    expect(imageArchive(snapshot, 'services/web')).toBeUndefined();
  });

  it('or an archive, whose digest is that of its bytes', () => {
    expect(imageEntries(snapshot, 'services/db.tgz')).toEqual([]);
    expect(imageDigest(snapshot, 'services/db.tgz')).toBe(sha256('services/db.tgz'));
  });

  it('has the digest of its tree, wherever it stands; what is not there has none', () => {
    const moved = snapshot.entries.map((each) => ({
      ...each,
      path: each.path.replace('services/web/', 'services/x/'),
    }));
    expect(imageDigest(makeSnapshot(moved), 'services/x')).toBe(imageDigest(snapshot, 'services/web'));
    expect(imageDigest(snapshot, 'services/we')).toBeUndefined();
  });
});
