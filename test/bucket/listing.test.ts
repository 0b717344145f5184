import { describe, expect, it } from 'vitest';
import { isPlainPath, listRole } from '../../src/bucket/listing.ts';
import { s3Store } from '../../src/bucket/s3-store.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { readerAt, rejection, s3ForTest } from '../support/readers.ts';

function holding(...keys: string[]): MemoryStore {
  const store = new MemoryStore();
  for (const key of keys) store.put(key);
  return store;
}

describe('the listing of a role', () => {
  it('is the spec and what lies below root/ and services/; nothing else is entered', async () => {
    const store = holding(
      'haulout.ini',
      'root/etc/motd',
      'services/web/bin/start',
      '.release/objects/1',
      'attic/root/x',
    );
    const { objects } = await listRole(store);
    expect(objects.map(({ key }) => key)).toEqual(['haulout.ini', 'root/etc/motd', 'services/web/bin/start']);
    expect(store.listed).toEqual(['', 'root/', 'services/']);
  });

  it('asks only for rooms that are there', async () => {
    const store = holding('haulout.ini', 'services/web.tgz');
    await listRole(store);
    expect(store.listed).toEqual(['', 'services/']);
  });

  it('is known by its prints, however its spec is dated, and not when anything in it is another', async () => {
    const s3 = await s3ForTest();
    const put = (key: string, text = 'x') => s3.endpoint.put('bkt', `p/${key}`, { bytes: Buffer.from(text) });
    for (const key of ['haulout.ini', 'root/a', 'services/b']) await put(key);
    const store = s3Store(readerAt(s3.url), 'bkt', 'p');
    const { prints, objects } = await listRole(store);
    await put('haulout.ini');
    const again = await listRole(store, prints);
    expect(again.isKnown).toBe(true);
    expect(again.objects.map(({ key, etag }) => [key, etag])).toEqual(objects.map(({ key, etag }) => [key, etag]));
    for (const key of ['haulout.ini', 'root/a', 'services/b', 'root/new']) {
      await put(key, 'y');
      expect((await listRole(store, prints)).isKnown).toBe(false);
      await s3.endpoint.delete('bkt', `p/${key}`);
    }
  });

  it('names strangers at the top, but not what begins with a dot', async () => {
    const store = holding(
      'haulout.ini',
      'Haulout.ini',
      'README',
      'root',
      'service/x',
      'rooty/y',
      '.release/z',
      '.git/a',
    );
    expect((await listRole(store)).strangers).toEqual(['Haulout.ini', 'README', 'root', 'service/', 'rooty/']);
  });

  it('has no place for marker objects of directories', async () => {
    const store = holding('', 'haulout.ini', 'root/', 'root/etc/', 'root/etc/motd', 'services/');
    const { objects, strangers } = await listRole(store);
    expect(objects.map(({ key }) => key)).toEqual(['haulout.ini', 'root/etc/motd']);
    expect(strangers).toEqual([]);
  });

  it('of nothing is empty', async () => {
    expect(await listRole(new MemoryStore())).toMatchObject({ objects: [], strangers: [], isKnown: false });
  });

  it.each([99_999, 100_000])('of the spec and %i objects is judged by its number', async (count) => {
    const store = holding('haulout.ini');
    for (let i = 0; i < count; i++) store.put(`root/${i}`);
    if (count < 100_000) expect((await listRole(store)).objects).toHaveLength(100_000);
    else expect(await rejection(listRole(store))).toMatchObject({ code: 'too-many-objects' });
  });

  it('of far too many objects is refused by that name too', async () => {
    const store = new MemoryStore();
    for (let i = 0; i < 300_000; i++) store.put(`root/${i}`);
    expect(await rejection(listRole(store))).toMatchObject({
      code: 'too-many-objects',
      reason: expect.stringContaining('300000'),
    });
  });
});

const BAD = [
  'root/../etc/shadow',
  'root/..',
  'root/./a',
  'root//a',
  'services/web/../../x',
  'root/a\nb',
  'root/a\tb',
  'root/a\u0000b',
  'root/\u001b[2Jb',
  'root/a\u007f',
  'root/a\\b',
  `root/${'x'.repeat(256)}`,
  `root/${'\u00e9'.repeat(128)}`,
  `root/${'x/'.repeat(600)}y`,
  'root/\ud800',
];

describe('a name that cannot be a path on an instance', () => {
  it.each(BAD)('%j refuses the listing, and is shown without being obeyed', async (key) => {
    expect(isPlainPath(key)).toBe(false);
    const error = (await rejection(listRole(holding('haulout.ini', 'root/good', key)))) as { subject: string };
    expect(error).toMatchObject({ code: 'bad-object-name', hint: expect.stringContaining('rename') });
    expect(error.subject).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(error.subject.slice(0, 5)).toBe(key.slice(0, 5));
  });

  it('a line break in it is written out', async () => {
    const error = await rejection(listRole(holding('root/a\nerror: forged\tx\u001b')));
    expect(error).toMatchObject({ subject: 'root/a\\x0aerror: forged\\x09x\\x1b' });
  });
});

it.each([
  'a',
  'root/etc/motd',
  '...',
  'a..b/.c/..d',
  'a b',
  '\u00e9\u{1f9ad}',
  `'"$(x)`,
  '-rf',
  `${'x'.repeat(255)}/y`,
])('%j can be a path', (key) => {
  expect(isPlainPath(key)).toBe(true);
});
