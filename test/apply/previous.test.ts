import { spawnSync } from 'node:child_process';
import {
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sha256 } from '../../src/lib/digest.ts';
import { accounts, desk, look } from '../support/desk.ts';
import { describeWith, root } from '../support/needs.ts';
import { put, treeOf } from '../support/scratch.ts';

describeWith([root], 'the way back', () => {
  it.each<[string, (path: string) => void, string]>([
    ['nothing', () => undefined, 'nothing'],
    ['a file', (path) => chownSync(put(path, 'old', 0o4640), 33, 34), '640 33:34 old'],
    ['an empty file', (path) => put(path, ''), '644 0:0 '],
    ['a link', (path) => symlinkSync('../x', path), 'link ../x'],
  ])('%s stood there', async (_what, make, before) => {
    const { here, writer, step } = desk();
    const path = join(here, 'etc/motd');
    const state = (): string => {
      const found = lstatSync(path, { throwIfNoEntry: false });
      if (!found) return 'nothing';
      if (found.isSymbolicLink()) return `link ${readlinkSync(path)}`;
      return `${look(path)} ${readFileSync(path, 'utf8')}`;
    };
    mkdirSync(join(here, 'etc'));
    make(path);
    const stood = state();
    expect(stood.endsWith(before)).toBe(true);
    const previous = await writer.keepPrevious('/etc/motd');
    await writer.write(await step('/etc/motd', 'new'), accounts);
    await writer.restore('/etc/motd', previous);
    expect(state()).toBe(stood);
    expect(readdirSync(join(here, 'etc'))).toEqual(stood === 'nothing' ? [] : ['motd']);
  });

  it('what stood there is kept by its digest; a directory is not kept but refused', async () => {
    const { here, cache, writer } = desk();
    put(join(here, 'motd'), 'old');
    expect(await writer.keepPrevious('/motd')).toMatchObject({ kind: 'file', sha256: sha256('old'), size: 3 });
    expect(readFileSync(cache.pathOf(sha256('old')), 'utf8')).toBe('old');
    mkdirSync(join(here, 'dir'));
    spawnSync('mkfifo', [join(here, 'pipe')]);
    for (const path of ['/dir', '/pipe'])
      await expect(writer.keepPrevious(path)).rejects.toMatchObject({ code: 'path-occupied' });
  });

  it('to nothing works where the directory is gone too', async () => {
    const { here, writer } = desk();
    const previous = await writer.keepPrevious('/made/motd');
    rmSync(join(here, 'made'), { recursive: true, force: true });
    await writer.restore('/made/motd', previous);
    expect(treeOf(here)).toEqual([]);
  });

  it("a file swapped for a link by its directory's owner is not read through it", async () => {
    const { here, writer } = desk();
    put(join(here, 'secret'), 'root only', 0o600);
    put(join(here, 'theirs/page'), 'page');
    chownSync(join(here, 'theirs'), 33, 33);
    let swaps = 0;
    const end = performance.now() + 1_000;
    const swapping = (async () => {
      while (performance.now() < end) {
        unlinkSync(join(here, 'theirs/page'));
        if (swaps++ % 2) writeFileSync(join(here, 'theirs/page'), 'page');
        else symlinkSync('../secret', join(here, 'theirs/page'));
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const kept = new Set<string>();
    while (performance.now() < end) {
      const previous = await writer.keepPrevious('/theirs/page').catch(() => undefined);
      if (previous?.kind === 'file') kept.add(previous.sha256);
    }
    await swapping;
    console.log(`a file swapped for a link ${swaps} times`);
    expect([...kept].filter((digest) => digest === sha256('root only'))).toEqual([]);
  });
});
