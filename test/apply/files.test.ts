import { execFileSync, spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { accounts, desk, directory, look, WWW } from '../support/desk.ts';
import { describeWith, root } from '../support/needs.ts';
import { put, scratch, treeOf } from '../support/scratch.ts';

const code = (word: string) => expect.objectContaining({ code: word });

describeWith([root], 'writing files', () => {
  it.each([0o000, 0o077, 0o777])('a file is whole, with its mode and owner, whatever the umask (%s)', async (umask) => {
    const { here, writer, step } = desk();
    const before = process.umask(umask);
    onTestFinished(() => {
      process.umask(before);
    });
    await writer.write(await step('/etc/deep/er/motd', 'hello', { mode: 0o640, owner: WWW }), accounts);
    expect(readFileSync(join(here, 'etc/deep/er/motd'), 'utf8')).toBe('hello');
    expect(look(join(here, 'etc/deep/er/motd'))).toBe('640 33:35');
    expect(look(join(here, 'etc/deep'))).toBe('755 0:0');
    expect(treeOf(here)).toEqual(['etc/ 755', 'etc/deep/ 755', 'etc/deep/er/ 755', 'etc/deep/er/motd 640']);
  });

  it('is never there with another mode or with half its bytes, while it is written over and over', async () => {
    const { here, writer, step } = desk();
    const [a, b] = ['a', 'b'].map((letter) => letter.repeat(3_000_000)) as [string, string];
    const steps = [await step('/secret', a, { mode: 0o600 }), await step('/secret', b, { mode: 0o600 })];
    await writer.write(steps[0]!, accounts);
    const seen = new Set<string>();
    let done = false;
    const watching = (async () => {
      while (!done) {
        for (const name of readdirSync(here)) {
          const found = lstatSync(join(here, name), { throwIfNoEntry: false });
          if (found) seen.add((found.mode & 0o7777).toString(8));
        }
        const text = readFileSync(join(here, 'secret'));
        seen.add(`${text.length} ${text[0] === text[text.length - 1]}`);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let time = 1; time <= 20; time++) await writer.write(steps[time % 2]!, accounts);
    done = true;
    await watching;
    expect([...seen].sort()).toEqual(['3000000 true', '600']);
    expect(readdirSync(here)).toEqual(['secret']);
  });

  it('replaces a link, and never what it points at', async () => {
    const { here, writer, step } = desk();
    put(join(here, 'target'), 'untouched');
    symlinkSync('target', join(here, 'link'));
    await writer.write(await step('/link', 'new'), accounts);
    expect(lstatSync(join(here, 'link')).isFile()).toBe(true);
    expect(readFileSync(join(here, 'target'), 'utf8')).toBe('untouched');
  });

  it.each(['write', 'link', 'directory'])(
    '%s: what is not ours in its place is refused, and nothing is lost',
    async (what) => {
      const { here, writer, step } = desk();
      put(join(here, 'data/precious'), 'keep me');
      spawnSync('mkfifo', [join(here, 'pipe')]);
      symlinkSync('/etc', join(here, 'away'));
      const before = [...treeOf(here), look('/etc')];
      const act = async (path: string) => {
        if (what === 'write') await writer.write(await step(path, 'new'), accounts);
        else if (what === 'link') await writer.link(path, 'x');
        else await writer.makeDirectory(directory(path, 0o700, WWW), accounts);
      };
      for (const path of what === 'directory' ? ['/pipe', '/away', '/data/precious'] : ['/data', '/pipe'])
        await expect(act(path)).rejects.toEqual(code('path-occupied'));
      expect([...treeOf(here), look('/etc')]).toEqual(before);
    },
  );

  it('a staged file changes nothing before it is committed, and leaves nothing when it is discarded', async () => {
    const { here, writer, step } = desk();
    put(join(here, 'motd'), 'old');
    const first = await writer.stage(await step('/motd', 'new'), accounts);
    expect(readFileSync(join(here, 'motd'), 'utf8')).toBe('old');
    await first.discard();
    expect(treeOf(here)).toEqual(['motd 644']);
    const second = await writer.stage(await step('/motd', 'new'), accounts);
    await second.commit();
    expect(readFileSync(join(here, 'motd'), 'utf8')).toBe('new');
    expect(treeOf(here)).toEqual(['motd 644']);
  });

  it.each([
    ['user', { user: 'nobody-here', group: 'root' }, 'this machine has no user nobody-here'],
    ['group', { user: 'www', group: 'none' }, 'this machine has no group none'],
  ])('an unknown %s is named, and nothing is written', async (_what, owner, reason) => {
    const { here, writer, step } = desk();
    const failure = writer.write(await step('/motd', 'x', { owner }), accounts);
    await expect(failure).rejects.toMatchObject({ code: 'owner-unknown', reason });
    expect(treeOf(here)).toEqual([]);
  });

  it.each<[string, (path: string) => void]>([
    ['damaged', (path) => writeFileSync(path, 'HELLO')],
    ['cut short', (path) => writeFileSync(path, 'hel')],
    ['missing', () => undefined],
    ['a directory', (path) => mkdirSync(path)],
    ['a pipe', (path) => spawnSync('mkfifo', [path])],
    ['a link', (path) => symlinkSync('/etc/passwd', path)],
  ])('content that is %s in the cache is said to be missing; the target keeps what it has', async (_what, damage) => {
    const { here, cache, writer, step } = desk();
    put(join(here, 'motd'), 'old', 0o600);
    const hello = await step('/motd', 'hello');
    rmSync(cache.pathOf(hello.sha256));
    damage(cache.pathOf(hello.sha256));
    await expect(writer.write(hello, accounts)).rejects.toEqual(code('content-missing'));
    expect(readFileSync(join(here, 'motd'), 'utf8')).toBe('old');
    expect(treeOf(here)).toEqual(['motd 600']);
    // Fetched again, it can be written: the bad copy is not in the way.
    await writer.write(await step('/motd', 'hello'), accounts);
    expect(readFileSync(join(here, 'motd'), 'utf8')).toBe('hello');
  });

  it('on a full disk the target keeps what it has, to the last byte', async () => {
    const here = scratch();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'haulout-test', here]);
    onTestFinished(() => {
      execFileSync('umount', [here]);
    });
    const { writer, step } = desk(here);
    await writer.write(await step('/motd', 'old'), accounts);
    // More than one piece of a stream, and the last piece fits in part.
    const big = writer.write(await step('/motd', 'x'.repeat(126 * 1024)), accounts);
    await expect(big).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(readFileSync(join(here, 'motd'), 'utf8')).toBe('old');
    expect(readdirSync(here)).toEqual(['motd']);
  });
});

describeWith([root], 'directories, links, removals', () => {
  it('a directory gets its mode and owner, made or found, and keeps what it holds', async () => {
    const { here, writer } = desk();
    await writer.makeDirectory(directory('/srv/cache', 0o2770, WWW), accounts);
    expect(look(join(here, 'srv/cache'))).toBe('2770 33:35');
    put(join(here, 'srv/cache/thing'), 'x');
    await writer.makeDirectory(directory('/srv/cache', 0o700), accounts);
    expect(look(join(here, 'srv/cache'))).toBe('700 0:0');
    expect(readFileSync(join(here, 'srv/cache/thing'), 'utf8')).toBe('x');
  });

  it('a link replaces a file or a link, and says what was written', async () => {
    const { here, writer } = desk();
    put(join(here, 'etc/a'), 'file');
    await writer.link('/etc/a', '../nowhere');
    await writer.link('/etc/a', '../x y');
    await writer.link('/new/dir/b', '/abs');
    expect(readlinkSync(join(here, 'etc/a'))).toBe('../x y');
    expect(readlinkSync(join(here, 'new/dir/b'))).toBe('/abs');
    expect(readdirSync(join(here, 'etc'))).toEqual(['a']);
  });

  it('a removal takes a file or a link, once or twice, and no directory', async () => {
    const { here, writer } = desk();
    put(join(here, 'dir/file'), 'x');
    symlinkSync('file', join(here, 'dir/link'));
    for (const path of ['/dir/link', '/dir/file', '/dir/file', '/no/such/place']) await writer.remove(path);
    expect(treeOf(here)).toEqual(['dir/ 755']);
    put(join(here, 'dir/file'), 'x');
    await expect(writer.remove('/dir')).rejects.toThrow();
    expect(treeOf(here)).toEqual(['dir/ 755', 'dir/file 644']);
  });
});
