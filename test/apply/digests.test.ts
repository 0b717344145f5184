import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FileObserver } from '../../src/apply/digests.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { put, scratch } from '../support/scratch.ts';

const HOUR = 3_600_000;
const BIG = 48 * 1024 * 1024;

/** Bytes this process has read by system calls so far, whatever came out of the page cache (proc_pid_io(5)). */
function bytesRead(): number {
  return Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}

async function readingOf(action: () => Promise<unknown>): Promise<number> {
  const before = bytesRead();
  await action();
  return bytesRead() - before;
}

it('tells files, directories, links, other things and nothing apart, by mode and owner', async () => {
  const here = scratch();
  const observer = new FileObserver(here, () => 0);
  put(join(here, 'etc/motd'), 'hello', 0o640);
  symlinkSync('../x', join(here, 'etc/link'));
  spawnSync('mkfifo', [join(here, 'etc/pipe')]);
  chmodSync(join(here, 'etc'), 0o2750);
  const { uid, gid } = statSync(here);
  expect(await observer.look('/etc/motd')).toEqual({
    kind: 'file',
    sha256: sha256('hello'),
    size: 5,
    mode: 0o640,
    uid,
    gid,
  });
  expect(await observer.look('/etc')).toEqual({ kind: 'directory', mode: 0o2750, uid, gid });
  expect(await observer.look('/etc/link')).toEqual({ kind: 'link', target: '../x' });
  expect(await observer.look('/etc/pipe')).toEqual({ kind: 'other' });
  for (const path of ['/etc/none', '/no/where', '/etc/motd/below'])
    expect(await observer.look(path)).toEqual({ kind: 'absent' });
});

it('an unchanged file is not read again; once a day every byte is', async () => {
  const here = scratch();
  let now = 0;
  const observer = new FileObserver(here, () => now);
  put(join(here, 'big'), Buffer.alloc(BIG, 'x'));
  const look = () => readingOf(() => observer.look('/big'));
  expect(await look()).toBeGreaterThanOrEqual(BIG);
  now = 19 * HOUR;
  for (let time = 0; time < 5; time++) expect(await look()).toBeLessThan(1024 * 1024);
  now = 21 * HOUR;
  expect(await look()).toBeGreaterThanOrEqual(BIG);
  expect(await look()).toBeLessThan(1024 * 1024);
});

it.each<[string, (path: string) => void]>([
  ['of the same size, with the old time put back', (path) => writeFileSync(path, 'HELLO')],
  ['by a rename over it', (path) => renameSync(put(`${path}.new`, 'HELLO'), path)],
  ['by another size', (path) => writeFileSync(path, 'HELLO!')],
])('a change is noticed: %s', async (_how, change) => {
  const here = scratch();
  const observer = new FileObserver(here, () => 0);
  const path = put(join(here, 'motd'), 'hello');
  const time = new Date('2026-01-01');
  utimesSync(path, time, time);
  await observer.look('/motd');
  await new Promise((resolve) => setTimeout(resolve, 20)); // a tick of the kernel's clock for files
  change(path);
  utimesSync(path, time, time);
  expect(statSync(path).mtimeMs).toBe(time.getTime());
  expect(await observer.look('/motd')).toMatchObject({ sha256: sha256(readFileSync(path)) });
});

it('a change of mode alone is told, and the digest with it', async () => {
  const here = scratch();
  const observer = new FileObserver(here, () => 0);
  const path = put(join(here, 'motd'), 'hello');
  await observer.look('/motd');
  chmodSync(path, 0o600);
  expect(await observer.look('/motd')).toMatchObject({ mode: 0o600, sha256: sha256('hello') });
  rmSync(path);
  expect(await observer.look('/motd')).toEqual({ kind: 'absent' });
});

it('finds what matches below a directory, no deeper than links, no more than the limit', async () => {
  const here = scratch();
  const observer = new FileObserver(here, () => 0);
  for (const name of ['a/1', 'a/b/2', 'a/b/c/3', 'z/4']) put(join(here, name), '');
  symlinkSync('../z', join(here, 'a/to-z'));
  symlinkSync('.', join(here, 'a/loop'));
  mkdirSync(join(here, 'a/empty'));
  expect(await observer.find('/a', () => true, 100)).toEqual(['/a/1', '/a/b/2', '/a/b/c/3', '/a/loop', '/a/to-z']);
  expect(await observer.find('/', (path) => /\d$/.test(path), 100)).toEqual(['/a/1', '/a/b/2', '/a/b/c/3', '/z/4']);
  expect(await observer.find('/none', () => true, 100)).toEqual([]);
  for (let number = 0; number < 50; number++) put(join(here, 'many', String(number)), '');
  expect(await observer.find('/many', () => true, 7)).toHaveLength(7);
});
