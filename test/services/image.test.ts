import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { type ImageSource, installedImage, removeImage, switchImage, unpackImage } from '../../src/services/image.ts';
import { sweepImages } from '../../src/services/image-sweep.ts';
import { pax, type TarEntry, tar, zip } from '../support/archives.ts';
import { installImage } from '../support/install-image.ts';
import { command, describeWith, root } from '../support/needs.ts';
import { put, scratch, treeOf } from '../support/scratch.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const OWNER = { uid: process.getuid!(), gid: process.getgid!() };

const IMAGE: readonly TarEntry[] = [
  { name: 'bin/', type: '5', mode: 0o700 },
  { name: 'bin/start', content: '#!/bin/sh\necho up\n', mode: 0o600 },
  { name: 'cfg/site.conf', content: 'listen 80\n', mode: 0o6666 },
  { name: 'etc/services/worker', content: '#!/bin/sh\n', mode: 0o644 },
  { name: 'tools/run', content: '#!/bin/sh\n', mode: 0o4711 },
];
const TREE = [
  'bin/ 755',
  'bin/start 755',
  'cfg/ 755',
  'cfg/site.conf 644',
  'etc/ 755',
  'etc/services/ 755',
  'etc/services/worker 755',
  'tools/ 755',
  'tools/run 755',
];

function place(): { services: string; around: string } {
  const around = scratch();
  return { services: join(around, 'services'), around };
}

function archive(around: string, name: string, bytes: Buffer): ImageSource {
  return { kind: 'archive', name, path: put(join(around, name), bytes) };
}

describe('an image is unpacked', () => {
  it.each(['web.tar', 'web.tar.gz', 'WEB.TGZ'])('%s', async (name) => {
    const { services, around } = place();
    const bytes = name.endsWith('tar') ? tar(IMAGE) : gzipSync(tar(IMAGE));
    expect(await installImage(archive(around, name, bytes), 'web', A, OWNER, { services })).toEqual([]);
    expect(treeOf(join(services, '.images/web', A))).toEqual(TREE);
    expect(readlinkSync(join(services, 'web'))).toBe(`.images/web/${A}`);
    expect(readFileSync(join(services, 'web/bin/start'), 'utf8')).toBe('#!/bin/sh\necho up\n');
    expect((await installedImage('web', { services }))?.digest).toBe(A);
  });

  it('a zip, its modes included', async () => {
    const { services, around } = place();
    const files = IMAGE.map((entry) => ({
      name: String(entry.name),
      content: entry.content ?? '',
      mode: 0o100000 | entry.mode!,
    }));
    const bytes = await zip(files.filter(({ name }) => !name.endsWith('/')));
    await installImage(archive(around, 'web.zip', bytes), 'web', A, OWNER, { services });
    expect(treeOf(join(services, 'web/'))).toHaveLength(TREE.length);
    expect(treeOf(join(services, '.images/web', A))).toEqual(TREE);
  });

  it('a directory of the bucket, whatever the umask', async () => {
    const { services, around } = place();
    const files = IMAGE.slice(1).map((entry) => {
      const content = put(join(around, 'cache', String(entry.name).replaceAll('/', '_')), entry.content!);
      return { path: String(entry.name), content, mode: entry.mode! };
    });
    const former = process.umask?.(0o077);
    try {
      await installImage({ kind: 'directory', files }, 'web', A, OWNER, { services });
    } finally {
      process.umask(former ?? 0o022);
    }
    expect(treeOf(join(services, '.images/web', A))).toEqual(TREE);
    for (const path of ['', '.images', '.images/web']) expect(statSync(join(services, path)).mode & 0o777).toBe(0o755);
  });

  it('as the tar of this machine makes it: `.` as its root, long names, pax', async () => {
    const { services, around } = place();
    const long = `${'long-name-'.repeat(12)}/${'n'.repeat(120)}`;
    put(join(around, 'in/bin/start'), '#!/bin/sh\n');
    put(join(around, 'in', long), 'x');
    put(join(around, 'in/caf\u00e9'), 'x');
    for (const format of ['gnu', 'posix']) {
      const bytes = execFileSync('tar', ['-c', `--format=${format}`, '-C', join(around, 'in'), '.']);
      await installImage(archive(around, 'web.tar', bytes), format, A, OWNER, { services });
      expect(treeOf(join(services, '.images', format, A))).toContain(`${long} 644`);
      expect(treeOf(join(services, '.images', format, A))).toContain('caf\u00e9 644');
    }
  });

  it('with one directory around it all taken off, and only then', async () => {
    const { services, around } = place();
    const wrapped = IMAGE.map((entry) => ({ ...entry, name: `web-1.2/${entry.name}` }));
    await installImage(archive(around, 'a.tar', tar([pax({ comment: 'commit' }, 'g'), ...wrapped])), 'web', A, OWNER, {
      services,
    });
    expect(treeOf(join(services, '.images/web', A))).toEqual(TREE);
    const other = archive(around, 'b.tar', tar([{ name: 'data/file', content: 'x' }]));
    await installImage(other, 'web', B, OWNER, { services });
    expect(treeOf(join(services, '.images/web', B))).toEqual(['data/ 755', 'data/file 644']);
  });

  it('as a Mac packs a directory, with what it puts beside it left out', async () => {
    const { services, around } = place();
    const wrapped = IMAGE.map((entry) => ({ ...entry, name: `web-1.2/${entry.name}` }));
    const beside = ['.DS_Store', '._web-1.2', '__MACOSX/web-1.2/bin/._start'].map((name) => ({ name, content: 'x' }));
    await installImage(archive(around, 'a.tar', tar([...beside, ...wrapped])), 'web', A, OWNER, { services });
    expect(treeOf(join(services, '.images/web', A))).toEqual(TREE);
  });

  it('with Windows line ends taken out of its hooks, and out of nothing else', async () => {
    const { services, around } = place();
    const bytes = tar([
      { name: 'bin/start', content: '#!/bin/sh\r\necho one\r\necho two\r\n' },
      { name: 'bin/stop', content: '\ufeff#!/bin/sh\necho\n' },
      { name: 'bin/check', content: '#!/bin/sh\nprintf "a\r\n"\n' },
      { name: 'bin/tool', content: Buffer.from('\x7fELF\r\n\xff', 'latin1') },
      { name: 'cfg/a.txt', content: '#!x\r\n' },
    ]);
    const notes = await installImage(archive(around, 'web.tar', bytes), 'web', A, OWNER, { services });
    expect(notes.sort()).toEqual([
      'bin/start had Windows line ends: mended',
      'bin/stop began with a byte order mark: mended',
    ]);
    const read = (path: string) => readFileSync(join(services, 'web', path), 'latin1');
    expect(read('bin/start')).toBe('#!/bin/sh\necho one\necho two\n');
    expect(read('bin/stop')).toBe('#!/bin/sh\necho\n');
    expect(read('bin/check')).toBe('#!/bin/sh\nprintf "a\r\n"\n');
    expect(read('bin/tool')).toBe('\x7fELF\r\n\xff');
    expect(read('cfg/a.txt')).toBe('#!x\r\n');
  });
});

describeWith([command('bzip2', 'bzip2')], 'bzip2', () => {
  it('is unpacked by the program of the system', async () => {
    const { services, around } = place();
    const bytes = execFileSync('bzip2', ['-c'], { input: tar(IMAGE) });
    await installImage(archive(around, 'web.tar.bz2', bytes), 'web', A, OWNER, { services });
    expect(treeOf(join(services, '.images/web', A))).toEqual(TREE);
  });
});

describe('one image after another', () => {
  it('keeps the old one, goes back by one rename, and does nothing twice', async () => {
    const { services, around } = place();
    const source = archive(around, 'a.tar', tar(IMAGE));
    const other = archive(around, 'b.tar', tar([...IMAGE, { name: 'new', content: 'x' }]));
    await installImage(source, 'web', A, OWNER, { services });
    const first = statSync(join(services, '.images/web', A)).ino;
    await installImage(other, 'web', B, OWNER, { services });
    expect((await installedImage('web', { services }))?.digest).toBe(B);
    await installImage(source, 'web', A, OWNER, { services });
    expect((await installedImage('web', { services }))?.digest).toBe(A);
    expect(statSync(join(services, '.images/web', A)).ino).toBe(first);
    expect(readdirSync(services).sort()).toEqual(['.images', 'web']);
  });

  it('unpacks ahead of the swap', async () => {
    const { services, around } = place();
    await unpackImage(archive(around, 'a.tar', tar(IMAGE)), 'web', A, OWNER, { services });
    expect(await installedImage('web', { services })).toBeUndefined();
    await switchImage('web', A, { services });
    expect((await installedImage('web', { services }))?.digest).toBe(A);
  });

  it.each(['directory', 'file', 'link'])('never touches a %s that is not its own', async (kind) => {
    const { services, around } = place();
    const mine = join(services, 'web');
    mkdirSync(services);
    if (kind === 'directory') put(join(mine, 'precious'), 'x');
    if (kind === 'file') writeFileSync(mine, 'precious');
    if (kind === 'link') symlinkSync(around, mine);
    const before = treeOf(around);
    const done = installImage(archive(join(around, 'services'), 'a.tar', tar(IMAGE)), 'web', A, OWNER, { services });
    await expect(done).rejects.toMatchObject({ code: 'image-place-taken', subject: 'service:web' });
    expect(await installedImage('web', { services })).toBeUndefined();
    await removeImage('web', { services });
    expect(treeOf(around).filter((line) => !line.includes('a.tar'))).toEqual(before);
  });

  it('sweeps what is not named any more, never the one in place', async () => {
    const { services, around } = place();
    const source = archive(around, 'a.tar', tar(IMAGE));
    for (const digest of [A, B]) await installImage(source, 'web', digest, OWNER, { services });
    await installImage(source, 'old', A, OWNER, { services });
    put(join(services, '.images/web/.haulout-tmp-x/tree/half'), 'x');
    put(join(services, '.haulout-tmp-web.x'), 'x');
    put(join(services, 'foreign/file'), 'x');
    await sweepImages({ services }, (id) => (id === 'web' ? ['c'.repeat(64)] : []));
    expect(readdirSync(join(services, '.images/web'))).toEqual([B]);
    expect(readdirSync(services).sort()).toEqual(['.images', 'foreign', 'web']);
    expect(readdirSync(join(services, '.images'))).toEqual(['web']);
    await sweepImages({ services: join(around, 'none') }, () => []);
  });
});

describeWith([root], 'as root', () => {
  const DAEMON = { uid: 1, gid: 1 };

  it('gives the files to the service, and keeps the way to them for itself', async () => {
    const { services, around } = place();
    const source = archive(around, 'a.tar', tar(IMAGE));
    await installImage(source, 'web', A, OWNER, { services });
    await installImage(source, 'web', A, DAEMON, { services });
    for (const path of ['web/', 'web/bin', 'web/bin/start', 'web/cfg/site.conf']) {
      expect(statSync(join(services, path)).uid).toBe(1);
    }
    for (const path of ['', '.images', '.images/web']) expect(statSync(join(services, path)).uid).toBe(0);
    expect(readdirSync(join(services, '.images/web'))).toEqual([A]);
  });

  it('leaves an image alone in which a volume is mounted', async () => {
    const { services, around } = place();
    const source = archive(around, 'a.tar', tar(IMAGE));
    for (const digest of [A, B]) await installImage(source, 'web', digest, OWNER, { services });
    const volume = join(services, '.images/web', A, 'cfg');
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', volume]);
    try {
      put(join(volume, 'precious'), 'x');
      await sweepImages({ services }, () => [B]);
      await sweepImages({ services }, () => []);
      await expect(removeImage('web', { services })).rejects.toMatchObject({ code: 'image-in-use' });
      await expect(unpackImage(source, 'web', A, DAEMON, { services })).rejects.toMatchObject({ code: 'image-in-use' });
      expect(existsSync(join(volume, 'precious'))).toBe(true);
    } finally {
      execFileSync('umount', [volume]);
    }
    await removeImage('web', { services });
    expect(readdirSync(services)).toEqual(['.images']);
  });
});

const CHILD = `
import { switchImage, unpackImage } from './image.ts';
const [path, services, digest, uid, gid] = process.argv.slice(2);
process.stdout.write('ready');
await unpackImage({ kind: 'archive', name: 'web.tgz', path }, 'web', digest, { uid: +uid, gid: +gid }, { services });
await switchImage('web', digest, { services });
process.stdout.write('done');
`;

describe('an unpacking that is killed', () => {
  it('leaves the old image whole and in place, at whatever point', { timeout: 120_000 }, async () => {
    const { services, around } = place();
    const many = Array.from({ length: 800 }, (_, index) => ({
      name: `data/${index}`,
      content: `${index}\n`.repeat(500),
    }));
    const path = put(join(around, 'web.tgz'), gzipSync(tar([...IMAGE, ...many])));
    await installImage(archive(around, 'a.tar', tar(IMAGE)), 'web', A, OWNER, { services });
    const program = await childProgram(around);
    const argv = [program, path, services, B, String(OWNER.uid), String(OWNER.gid)];
    let interrupted = 0;
    for (let attempt = 0; attempt < 12; attempt++) {
      // Every eighth point of what was measured as the way from the first entry to the last.
      if (!(await killedAt(argv, join(services, '.images/web'), attempt * 70))) continue;
      interrupted++;
      const now = (await installedImage('web', { services }))?.digest;
      if (now === A) expect(treeOf(join(services, '.images/web', A))).toEqual(TREE);
      const whole = readdirSync(join(services, '.images/web')).includes(B);
      if (whole) expect(treeOf(join(services, '.images/web', B))).toHaveLength(TREE.length + 801);
      else expect(now).toBe(A);
    }
    expect(interrupted).toBeGreaterThan(3);
    execFileSync(process.execPath, argv);
    expect((await installedImage('web', { services }))?.digest).toBe(B);
    expect(treeOf(join(services, '.images/web', B))).toHaveLength(TREE.length + 801);
    await sweepImages({ services }, () => [B]);
    expect(readdirSync(join(services, '.images/web'))).toEqual([B]);
  });
});

async function childProgram(around: string): Promise<string> {
  const here = join(import.meta.dirname, '../../src/services');
  const outfile = join(around, 'child.mjs');
  const banner = `import { createRequire } from 'node:module'; const require = createRequire(${JSON.stringify(pathToFileURL(here).href)});`;
  await build({
    stdin: { contents: CHILD, resolveDir: here, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: { js: banner },
  });
  return outfile;
}

/** Kills the child `lines` files after its staging directory came up; false when it was faster. */
async function killedAt(argv: readonly string[], home: string, files: number): Promise<boolean> {
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const before = readdirSync(home);
  let over = false;
  ended.then(() => {
    over = true;
  });
  while (!over) {
    const stage = readdirSync(home).find((name) => name.startsWith('.haulout-tmp-') && !before.includes(name));
    if (stage !== undefined && count(join(home, stage, 'tree/data')) >= files) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  child.kill('SIGKILL');
  const [, signal] = await ended;
  return signal === 'SIGKILL';
}

function count(directory: string): number {
  try {
    return readdirSync(directory).length;
  } catch {
    return 0;
  }
}
