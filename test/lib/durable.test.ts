import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ensureDirectory,
  replaceWhole,
  stageWhole,
  TEMPORARY_PREFIX,
  temporaryBeside,
  writeWhole,
} from '../../src/lib/durable.ts';
import { describeWith, root } from '../support/needs.ts';
import { rejection } from '../support/readers.ts';
import { scratch } from '../support/scratch.ts';

const UMASK = process.umask();
afterEach(() => void process.umask(UMASK));
const modeOf = (path: string) => statSync(path).mode & 0o7777;

describe('a whole write', () => {
  it('makes a file, and replaces it by another', async () => {
    const path = join(scratch(), 'file');
    await writeWhole(path, 'first', { mode: 0o644 });
    const before = statSync(path).ino;
    await writeWhole(path, Buffer.from('second'), { mode: 0o600, sync: false });
    expect([readFileSync(path, 'utf8'), modeOf(path)]).toEqual(['second', 0o600]);
    expect(statSync(path).ino).not.toBe(before);
  });

  it.each(['ж', 'あ', '🦭'])('takes every name that a file may have: of %s', async (letter) => {
    const name = letter.repeat(Math.floor(255 / Buffer.byteLength(letter)));
    const path = join(scratch(), name);
    await writeWhole(path, 'whole', { mode: 0o644, sync: false });
    expect(readFileSync(path, 'utf8')).toBe('whole');
  });

  it.each(['000', '022', '077', '777'])('under umask %s has just the mode it was given', async (umask) => {
    const directory = scratch();
    process.umask(Number.parseInt(umask, 8));
    for (const mode of [0o600, 0o644, 0o755, 0o400, 0o666]) {
      const path = join(directory, mode.toString(8));
      await writeWhole(path, 'x', { mode, sync: false });
      expect(modeOf(path).toString(8)).toBe(mode.toString(8));
    }
  });

  it('has its mode before its first byte', async () => {
    const directory = scratch();
    process.umask(0);
    let seen: number[] = [];
    await replaceWhole(join(directory, 'file'), { mode: 0o440 }, async () => {
      seen = readdirSync(directory).map((name) => modeOf(join(directory, name)));
    });
    expect(seen).toEqual([0o440]);
  });

  it('when it fails leaves what was there, and nothing beside it', async () => {
    const directory = scratch();
    const path = join(directory, 'file');
    await writeWhole(path, 'first', { mode: 0o644 });
    const failing = replaceWhole(path, { mode: 0o644 }, async (file) => {
      await file.writeFile('half of the sec');
      throw new Error('the stream broke');
    });
    expect(String(await rejection(failing))).toContain('the stream broke');
    expect([readdirSync(directory), readFileSync(path, 'utf8')]).toEqual([['file'], 'first']);
  });

  it('over a directory fails and leaves nothing', async () => {
    const directory = scratch();
    mkdirSync(join(directory, 'taken', 'full'), { recursive: true });
    expect(await rejection(writeWhole(join(directory, 'taken'), 'x', { mode: 0o644 }))).toMatchObject({
      code: 'EISDIR',
    });
    expect(readdirSync(directory)).toEqual(['taken']);
  });

  it('where there is no directory says so', async () => {
    expect(await rejection(writeWhole(join(scratch(), 'none', 'x'), 'x', { mode: 0o644 }))).toMatchObject({
      code: 'ENOENT',
    });
  });

  it('replaces a link, and does not write through it', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'elsewhere'), 'untouched');
    symlinkSync('elsewhere', join(directory, 'file'));
    await writeWhole(join(directory, 'file'), 'new', { mode: 0o644 });
    expect(lstatSync(join(directory, 'file')).isFile()).toBe(true);
    expect(readFileSync(join(directory, 'elsewhere'), 'utf8')).toBe('untouched');
  });

  it('of a name as long as names may be works', async () => {
    const path = join(scratch(), 'x'.repeat(255));
    await writeWhole(path, 'x', { mode: 0o644 });
    expect(readFileSync(path, 'utf8')).toBe('x');
  });

  it('by fifty at once ends with the whole of one of them', async () => {
    const directory = scratch();
    const path = join(directory, 'file');
    const writers = Array.from({ length: 50 }, (_, i) =>
      writeWhole(path, `${i}`.repeat(5_000), { mode: 0o644, sync: false }),
    );
    await Promise.all(writers);
    const text = readFileSync(path, 'utf8');
    expect(Array.from({ length: 50 }, (_, i) => `${i}`.repeat(5_000))).toContain(text);
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('stands beside its target until it is renamed, under a name that a sweep knows', async () => {
    const directory = scratch();
    const staged = await stageWhole(join(directory, 'file'), { mode: 0o644 }, (file) => file.writeFile('x'));
    expect(readdirSync(directory).map((name) => join(directory, name))).toEqual([staged]);
    expect(staged.startsWith(join(directory, TEMPORARY_PREFIX))).toBe(true);
    expect(temporaryBeside('/a/b')).not.toBe(temporaryBeside('/a/b'));
  });
});

describeWith([root], 'a whole write for somebody else', () => {
  it('has owner and mode, also a mode that a change of owner would take away', async () => {
    const path = join(scratch(), 'file');
    await writeWhole(path, 'x', { mode: 0o4750, owner: { uid: 65_534, gid: 65_534 } });
    const { uid, gid } = statSync(path);
    expect([uid, gid, modeOf(path)]).toEqual([65_534, 65_534, 0o4750]);
  });
});

describe('a directory of ours', () => {
  it.each(['000', '077'])('under umask %s has its mode, and its parents have too', async (umask) => {
    const directory = scratch();
    process.umask(Number.parseInt(umask, 8));
    await ensureDirectory(join(directory, 'a/b/c'), 0o755);
    expect(['a', 'a/b', 'a/b/c'].map((path) => modeOf(join(directory, path)))).toEqual([0o755, 0o755, 0o755]);
  });

  it('that is there keeps its mode, and a link to one is one', async () => {
    const directory = scratch();
    mkdirSync(join(directory, 'a'));
    chmodSync(join(directory, 'a'), 0o711);
    symlinkSync('a', join(directory, 'link'));
    await ensureDirectory(join(directory, 'a'));
    await ensureDirectory(join(directory, 'link', 'b'));
    expect([modeOf(join(directory, 'a')), modeOf(join(directory, 'a/b'))]).toEqual([0o711, 0o700]);
  });

  it('is made by ten at once', async () => {
    const path = join(scratch(), 'a/b/c/d');
    await Promise.all(Array.from({ length: 10 }, () => ensureDirectory(path)));
    expect(statSync(path).isDirectory()).toBe(true);
  });

  it('below a link that leads nowhere is an error, not an endless search', { timeout: 5_000 }, async () => {
    const directory = scratch();
    symlinkSync('nowhere', join(directory, 'link'));
    expect(await rejection(ensureDirectory(join(directory, 'link/a/b')))).toMatchObject({ code: 'ENOENT' });
  });

  it('below a file is an error', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'file'), '');
    expect(await rejection(ensureDirectory(join(directory, 'file/a')))).toMatchObject({ code: 'ENOTDIR' });
  });
});
