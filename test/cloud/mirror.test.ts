import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Mirror, type MirrorChange } from '../../src/cloud/mirror.ts';
import { type RunningS3, startS3 } from '../support/s3.ts';
import { eventually } from '../support/scratch.ts';

let s3: RunningS3;
let directory: string;
let mirror: Mirror;
let changes: MirrorChange[];

beforeEach(async () => {
  s3 = await startS3();
  directory = join(s3.directory, '.git-is-a-good-name/role');
  write('a.txt', 'a');
  write('deep/er/b.txt', 'b');
  mirror = new Mirror(s3.endpoint, directory, 'bkt', 'pre/fix');
  changes = [];
});
afterEach(async () => {
  await mirror.close();
  await s3.close();
});

function write(path: string, content: string): void {
  mkdirSync(join(directory, path, '..'), { recursive: true });
  writeFileSync(join(directory, path), content);
}
const keys = () => s3.endpoint.list('bkt', '').map(({ key }) => key);
const text = async (key: string) => Buffer.from((await s3.endpoint.get('bkt', key, 1_000)) ?? []).toString();
const watch = () => mirror.watch((change) => changes.push(change));
const heard = (key: string, what: MirrorChange['what']) =>
  eventually(() => changes.some((change) => change.key === key && change.what === what));

it('uploads all there is, without what editors and version control leave', async () => {
  for (const path of ['a.txt~', 'deep/.b.txt.swp', '.git/HEAD', 'deep/.git/config']) write(path, 'noise');
  expect(await mirror.fill()).toBe(2);
  expect(keys()).toEqual(['pre/fix/a.txt', 'pre/fix/deep/er/b.txt']);
});

it('follows an edit, a new file and a removal, and says each once', async () => {
  await mirror.fill();
  await watch();
  write('a.txt', 'again');
  expect(await heard('pre/fix/a.txt', 'uploaded')).toBe(true);
  expect(await text('pre/fix/a.txt')).toBe('again');
  write('new/c.txt', 'c');
  expect(await heard('pre/fix/new/c.txt', 'uploaded')).toBe(true);
  rmSync(join(directory, 'deep/er/b.txt'));
  expect(await heard('pre/fix/deep/er/b.txt', 'deleted')).toBe(true);
  expect(keys()).toEqual(['pre/fix/a.txt', 'pre/fix/new/c.txt']);
  expect(changes).toHaveLength(3);
});

it('does not watch noise', async () => {
  await mirror.fill();
  await watch();
  for (const path of ['.git/HEAD', 'a.txt~', '.a.txt.swx']) write(path, 'noise');
  write('last.txt', 'last');
  expect(await heard('pre/fix/last.txt', 'uploaded')).toBe(true);
  expect(changes.map(({ key }) => key)).toEqual(['pre/fix/last.txt']);
});

it('finds what changed between the upload of all and the first watch', async () => {
  await mirror.fill();
  write('a.txt', 'again');
  write('new.txt', 'new');
  rmSync(join(directory, 'deep'), { recursive: true });
  await watch();
  expect(await heard('pre/fix/deep/er/b.txt', 'deleted')).toBe(true);
  expect([await text('pre/fix/a.txt'), await text('pre/fix/new.txt')]).toEqual(['again', 'new']);
  expect(changes).toHaveLength(3);
});

it('uploads nothing again that did not change, so that an upload by other means stays', async () => {
  await mirror.fill();
  await s3.endpoint.put('bkt', 'pre/fix/a.txt', { bytes: Buffer.from('by other means') });
  await watch();
  write('new.txt', 'new');
  expect(await heard('pre/fix/new.txt', 'uploaded')).toBe(true);
  expect(await text('pre/fix/a.txt')).toBe('by other means');
  expect(existsSync(join(directory, 'a.txt'))).toBe(true);
});
