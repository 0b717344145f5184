import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FileObserver } from '../../src/apply/digests.ts';
import { lookAtWatched, readWatches } from '../../src/apply/watches.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { put, scratch } from '../support/scratch.ts';

const watched = (here: string, watch: readonly string[]) =>
  lookAtWatched(readWatches(watch), new FileObserver(here, () => 0));

it('a watch is taken apart into globs and packages', () => {
  const { globs, packages } = readWatches(['/etc/nginx/**', 'package:nginx', '/etc/hosts', 'package:libc6:amd64']);
  expect(globs).toEqual(['/etc/nginx/**', '/etc/hosts']);
  expect(packages).toEqual(['nginx', 'libc6:amd64']);
});

it.each([
  // glob, path, matches
  ['/etc/nginx/**', '/etc/nginx/nginx.conf', true],
  ['/etc/nginx/**', '/etc/nginx/a/b/c', true],
  ['/etc/nginx/**', '/etc/nginx/.hidden/.x', true],
  ['/etc/nginx/**', '/etc/nginx2', false],
  ['/etc/nginx/*', '/etc/nginx/a', true],
  ['/etc/nginx/*', '/etc/nginx/a/b', false],
  ['/etc/*.conf', '/etc/.a.conf', true],
  ['/etc/*.conf', '/etc/a.conf.bak', false],
  ['/etc/host?', '/etc/hosts', true],
  ['/etc/host?', '/etc/host', false],
  ['/etc/hosts', '/etc/hosts', true],
  ['/etc/hosts', '/etc/hosts/x', false],
  ['/etc/**/x', '/etc/x', true],
])('%s and %s: %s', (glob, path, matches) => {
  expect(readWatches([glob]).matches(path)).toBe(matches);
});

it('nothing watched matches nothing, and packages are no paths', () => {
  expect(readWatches([]).matches('/etc')).toBe(false);
  expect(readWatches(['package:nginx']).matches('package:nginx')).toBe(false);
});

it('files and links are told with what they hold; directories, pipes and what is not there are not', async () => {
  const here = scratch();
  put(join(here, 'etc/web/a.conf'), 'a');
  put(join(here, 'etc/web/sites/.b'), 'b');
  symlinkSync('../a.conf', join(here, 'etc/web/sites/on'));
  symlinkSync('..', join(here, 'etc/web/sites/up'));
  spawnSync('mkfifo', [join(here, 'etc/web/pipe')]);
  mkdirSync(join(here, 'etc/web/empty'));
  put(join(here, 'etc/hosts'), 'h');
  expect(await watched(here, ['/etc/web/**', '/etc/hosts', '/etc/none', '/no/such/**', 'package:web'])).toEqual({
    'file:/etc/web/a.conf': sha256('a'),
    'file:/etc/web/sites/.b': sha256('b'),
    'file:/etc/web/sites/on': 'link ../a.conf',
    'file:/etc/web/sites/up': 'link ..',
    'file:/etc/hosts': sha256('h'),
  });
});

it('a change, a new file and a removal each show, however the globs overlap', async () => {
  const here = scratch();
  const watch = ['/etc/**', '/etc/web/**', '/etc/web/a*', '/etc/we*/**'];
  put(join(here, 'etc/web/a'), '1');
  const first = await watched(here, watch);
  expect(first).toEqual({ 'file:/etc/web/a': sha256('1') });
  writeFileSync(join(here, 'etc/web/a'), '22');
  put(join(here, 'etc/web/b'), '');
  expect(await watched(here, watch)).toEqual({ 'file:/etc/web/a': sha256('22'), 'file:/etc/web/b': sha256('') });
  rmSync(join(here, 'etc/web'), { recursive: true });
  expect(await watched(here, watch)).toEqual({});
});

it('what is watched is bounded: ten thousand files of a directory of more', async () => {
  const here = scratch();
  mkdirSync(join(here, 'many'));
  spawnSync('sh', ['-c', 'seq 1 10050 | xargs touch'], { cwd: join(here, 'many') });
  expect(Object.keys(await watched(here, ['/many/*']))).toHaveLength(10_000);
});
