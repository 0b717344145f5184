import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { HauloutError } from '../../src/lib/errors.ts';
import { LIMITS, type Limits } from '../../src/services/image-policy.ts';
import { centralHeader, patched, pax, type TarEntry, tar, zip } from '../support/archives.ts';
import { installImage } from '../support/install-image.ts';
import { command, describeWith } from '../support/needs.ts';
import { put, scratch, treeOf } from '../support/scratch.ts';

const GOOD: TarEntry = { name: 'bin/start', content: '#!/bin/sh\n', mode: 0o755 };
const DIGEST = 'a'.repeat(64);
const OWNER = { uid: process.getuid!(), gid: process.getgid!() };

/** Installs it and says what became of it; fails the test when anything at all is left behind or stands outside. */
async function refusal(name: string, bytes: Buffer, limits: Limits = LIMITS): Promise<HauloutError> {
  const around = scratch();
  const services = join(around, 'a/b/services');
  const path = put(join(around, 'in', name), bytes);
  const before = treeOf(around);
  let thrown: unknown;
  try {
    await installImage({ kind: 'archive', name, path }, 'web', DIGEST, OWNER, { services }, limits);
  } catch (error) {
    thrown = error;
  }
  const left = treeOf(around).filter((line) => !before.includes(line));
  expect(left).toEqual([
    'a/ 755',
    'a/b/ 755',
    'a/b/services/ 755',
    'a/b/services/.images/ 755',
    'a/b/services/.images/web/ 755',
  ]);
  expect(thrown).toBeInstanceOf(HauloutError);
  const error = thrown as HauloutError;
  expect(error).toMatchObject({ code: 'image-refused', step: 'service', subject: 'service:web' });
  expect(error.reason).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  return error;
}

const file = (name: string | Buffer, more: Partial<TarEntry> = {}): TarEntry => ({ name, content: 'x', ...more });
const link = (type: string, target: string): TarEntry => ({ name: 'x', type, link: target });
const deep = (depth: number) => `${'d/'.repeat(depth)}f`;

const TARS: readonly (readonly [string, readonly TarEntry[], RegExp])[] = [
  ['a path that leads out', [file('../../x')], /leads out/],
  ['a path that leads out in the middle', [file('bin/../../x')], /leads out/],
  ['a path that is .. alone', [file('..')], /leads out/],
  ['a directory that leads out', [{ name: '../x/', type: '5' }], /leads out/],
  ['an absolute path', [file('/tmp/haulout-hostile')], /absolute/],
  ['an absolute directory', [{ name: '/tmp/haulout-hostile/', type: '5' }], /absolute/],
  ['a second slash at the start', [file('//x')], /absolute/],
  ['a path out by pax', [pax({ path: '../../x' }), file('x')], /leads out/],
  ['an absolute path by pax', [pax({ path: '/tmp/haulout-hostile' }), file('x')], /absolute/],
  [
    'a path out by a GNU long name',
    [{ name: '././@LongLink', type: 'L', content: '../../x\0' }, file('x')],
    /leads out/,
  ],
  ['a path out by its ustar prefix', [file('x', { prefix: '../..' })], /leads out/],
  ['a symbolic link to /etc', [link('2', '/etc')], /not a file or a directory \(symbolic link\)/],
  ['a symbolic link within', [link('2', 'bin/start')], /symbolic link/],
  [
    'a link, then a file through it',
    [{ name: 'd', type: '2', link: '/tmp' }, file('d/haulout-hostile')],
    /symbolic link/,
  ],
  ['a hard link to /etc/passwd', [link('1', '/etc/passwd')], /\(link\)/],
  ['a hard link within', [link('1', 'bin/start')], /\(link\)/],
  [
    'a long link name',
    [{ name: '././@LongLink', type: 'K', content: '/etc/passwd\0' }, link('2', 'x')],
    /symbolic link/,
  ],
  ['a link target by pax on a file', [pax({ linkpath: '/etc/passwd' }), file('x')], /not a file/],
  ['a character device', [{ name: 'x', type: '3' }], /character device/],
  ['a block device', [{ name: 'x', type: '4' }], /block device/],
  ['a fifo', [{ name: 'x', type: '6' }], /fifo/],
  ['a contiguous file', [{ name: 'x', type: '7' }], /contiguous file/],
  ['a GNU dump directory', [{ name: 'x', type: 'D' }], /not a file or a directory/],
  ['a GNU sparse file', [file('x', { type: 'S' })], /not a file or a directory/],
  ['a pax sparse file', [pax({ 'GNU.sparse.major': '1', 'GNU.sparse.name': 'x' }), file('x')], /sparse/],
  ['a multi-volume rest', [file('x', { type: 'M' })], /not a file or a directory/],
  ['an unknown type', [file('x', { type: 'Z' })], /not a file or a directory/],
  ['a backslash', [file('..\\..\\x')], /backslash/],
  ['a drive', [file('c:\\x')], /backslash/],
  ['a new line', [file('bin/a\nb')], /control character.*/],
  ['an escape sequence', [file('\u001b[2Jx')], /"\\x1b\[2Jx" has a control character/],
  ['a C1 control character', [file('a\u009bx')], /control character/],
  ['a NUL by pax', [pax({ path: 'x\0../../y' }), file('x')], /NUL|well-formed/],
  ['bytes that are not UTF-8', [file(Buffer.from([0x61, 0xff, 0xfe]))], /not UTF-8/],
  ['the same file twice', [file('x'), file('x')], /there twice/],
  [
    'the same directory twice',
    [
      { name: 'd/', type: '5' },
      { name: 'd/', type: '5' },
    ],
    /there twice/,
  ],
  ['two cases of one name', [file('Readme'), file('README')], /there twice/],
  ['two cases of one directory', [file('Lib/a'), file('lib/b')], /there twice/],
  ['two forms of one accent', [file('caf\u00e9'), file('cafe\u0301')], /there twice/],
  ['a sharp s and two of them', [file('stra\u00dfe'), file('STRASSE')], /there twice/],
  ['a file in place of a directory', [file('d/x'), file('d')], /there twice/],
  ['a directory in place of a file', [file('d'), file('d/x')], /there twice/],
  ['a name of 256 bytes', [pax({ path: `bin/${'n'.repeat(256)}` }), file('x')], /more than 255 bytes/],
  ['a name of 255 characters, 510 bytes', [pax({ path: '\u00e9'.repeat(255) }), file('x')], /more than 255 bytes/],
  ['33 directories', [file(deep(33))], /more than 32 directories/],
  ['a path of 5000 bytes', [pax({ path: `${'n/'.repeat(2_500)}x` }), file('x')], /too long|directories deep/],
  ['an empty part', [file('bin//x')], /empty name/],
  ['a part that is a dot', [file('bin/./x')], /empty name/],
  [
    'a size below zero',
    [file('x', { size: '\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00fe' })],
    /./,
  ],
  ['a size beyond all', [file('x', { size: '77777777777' })], /./],
  ['a size that pax makes smaller', [pax({ size: '0' }), file('x', { content: 'y'.repeat(600) })], /./],
  ['a wrong checksum', [file('x', { link: 'oops' })], /well-formed/],
  ['a pax header of 2 MiB', [pax({ comment: 'c'.repeat(2 * 1024 ** 2) }), file('x')], /header that is too large/],
];

describe('hostile tar archives are refused whole', () => {
  it.each(TARS)('%s', async (_, entries, reason) => {
    expect((await refusal('web.tar', tar([GOOD, ...entries]))).reason).toMatch(reason);
  });

  it('what is not tar at all', async () => {
    expect((await refusal('web.tar', Buffer.from('<html>404</html>'.repeat(100)))).reason).toMatch(/well-formed/);
    expect((await refusal('web.tar', Buffer.alloc(0))).reason).toMatch(/./);
    expect((await refusal('web.tgz', Buffer.from('<html>404</html>'))).reason).toMatch(/./);
  });

  it('an archive cut off at every 512 bytes', async () => {
    const whole = tar([GOOD, file('x', { content: 'y'.repeat(2_000) }), file('z')], 'cut');
    for (let end = 512; end <= whole.length; end += 512) await refusal('web.tar', whole.subarray(0, end));
  });

  it('a gzip cut off anywhere', async () => {
    const whole = gzipSync(tar([GOOD, file('x', { content: 'y'.repeat(2_000) })]));
    for (let end = 1; end < whole.length; end += 7) await refusal('web.tgz', whole.subarray(0, end));
  });

  it('a flipped byte in a gzip', async () => {
    const whole = gzipSync(tar([GOOD, file('x', { content: 'the content of it' })]));
    whole[whole.length - 6]! ^= 1;
    await refusal('web.tar.gz', whole);
  });

  it('packed twice, or in another way than its name says', async () => {
    const archive = tar([GOOD]);
    expect((await refusal('web.tgz', gzipSync(gzipSync(archive)))).reason).toMatch(/packed in another way/);
    expect((await refusal('web.tar', gzipSync(archive))).reason).toMatch(/packed in another way/);
    await refusal('web.tgz', archive);
    await refusal('web.zip', archive);
    expect((await refusal('web.rar', archive)).reason).toMatch(/unknown kind/);
  });

  it('names the entry, in a form that obeys nothing', async () => {
    const error = await refusal('web.tar', tar([GOOD, file('a\u001b]0;title\u0007\nb')]));
    expect(error.reason).toContain('"a\\x1b]0;title\\x07\\x0ab"');
  });
});

describe('bombs are stopped while they unpack', () => {
  const small: Limits = { ...LIMITS, entries: 50, bytes: 4 * 1024 ** 2, metadataBytes: 100_000 };

  it('zeros in gzip: by ratio', async () => {
    const bomb = gzipSync(tar([GOOD, { name: 'zeros', content: Buffer.alloc(64 * 1024 ** 2) }]), { level: 9 });
    const started = performance.now();
    expect((await refusal('web.tgz', bomb)).reason).toMatch(/unpacks to more than/);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('noise: by size', async () => {
    const noise = Buffer.from(Array.from({ length: 5 * 1024 ** 2 }, (_, index) => (index * 7919) % 251));
    expect((await refusal('web.tar', tar([GOOD, { name: 'noise', content: noise }]), small)).reason).toMatch(
      /more than 4194304/,
    );
  });

  it('zeros after the end mark count too', async () => {
    const bomb = gzipSync(Buffer.concat([tar([GOOD]), Buffer.alloc(64 * 1024 ** 2)]));
    expect((await refusal('web.tgz', bomb)).reason).toMatch(/unpacks to more than/);
  });

  it('entries, directories that are only implied included', async () => {
    const many = Array.from({ length: 51 }, (_, index) => file(`f${index}`));
    expect((await refusal('web.tar', tar(many), small)).reason).toMatch(/more than 50 files/);
    const implied = Array.from({ length: 3 }, (_, index) => file(`${index}/${deep(25)}`));
    expect((await refusal('web.tar', tar(implied), small)).reason).toMatch(/more than 50 files/);
  });

  it('metadata', async () => {
    const headers = Array.from({ length: 3 }, () => [pax({ comment: 'c'.repeat(60_000) }), file('x')]).flat();
    expect((await refusal('web.tar', tar(headers), small)).reason).toMatch(/metadata|twice/);
    const lone = Array.from({ length: 3 }, () => pax({ comment: 'c'.repeat(60_000) }, 'g'));
    expect((await refusal('web.tar', tar(lone), small)).reason).toMatch(/metadata/);
  });

  it('a zip of zeros, and one whose entries share their bytes', async () => {
    const zeros = await zip([{ name: 'bin/start' }, { name: 'zeros', content: Buffer.alloc(64 * 1024 ** 2) }]);
    expect((await refusal('web.zip', zeros)).reason).toMatch(/unpacks to more than/);
    const twice = await zip([
      { name: 'aa', content: 'same' },
      { name: 'bb', content: 'same' },
    ]);
    const second = centralHeader(twice, 1);
    twice.writeUInt32LE(twice.readUInt32LE(centralHeader(twice) + 42), second + 42);
    await refusal('web.zip', twice);
    twice.write('aa', second + 46);
    expect((await refusal('web.zip', twice)).reason).toMatch(/lies over/);
  });
});

describeWith([command('bzip2', 'bzip2')], 'bzip2', () => {
  it('is refused when it is cut off, and when it is a bomb', async () => {
    const bomb = execFileSync('bzip2', ['-c'], {
      input: tar([GOOD, file('z', { content: Buffer.alloc(32 * 1024 ** 2) })]),
    });
    expect((await refusal('web.tar.bz2', bomb)).reason).toMatch(/unpacks to more than/);
    const whole = execFileSync('bzip2', ['-c'], { input: tar([GOOD]) });
    await refusal('web.tar.bz2', whole.subarray(0, whole.length - 5));
    await refusal('web.tar.bz2', Buffer.from('no bzip2'));
  });
});

type Patch = (bytes: Buffer) => Buffer;
const at = (offset: number, write: (bytes: Buffer, place: number) => void): Patch => {
  return (bytes) => {
    const copy = Buffer.from(bytes);
    write(copy, centralHeader(copy, 1) + offset);
    return copy;
  };
};
const name =
  (to: string, only?: 'first' | 'last'): Patch =>
  (bytes) =>
    patched(bytes, 'nnnnnnnnnnnn', to.padEnd(12, 'x').slice(0, 12), only);
const mode = (bits: number): Patch => at(38, (bytes, place) => bytes.writeUInt32LE((bits << 16) >>> 0, place));

const ZIPS: readonly (readonly [string, Patch, RegExp])[] = [
  ['a path that leads out', name('../../../x'), /relative path|leads out/],
  ['a path that leads out in the middle', name('a/../../x'), /relative path|leads out/],
  ['an absolute path', name('/tmp/hostile'), /absolute/],
  ['a drive', name('c:/x'), /absolute path/],
  ['a backslash', name('..\\..\\x'), /invalid characters|backslash/],
  ['a control character', name('a\u001bb'), /control character/],
  ['a NUL', name('a\0b'), /control character/],
  ['another name in its own header', name('other', 'first'), /described twice, with another name/],
  ['another name in the directory', name('other', 'last'), /described twice, with another name/],
  ['a symbolic link', mode(0o120777), /not a file or a directory/],
  ['a fifo', mode(0o010644), /not a file or a directory/],
  ['a device', mode(0o020644), /not a file or a directory/],
  ['a socket', mode(0o140644), /not a file or a directory/],
  ['a directory by its mode only', mode(0o040755), /directory by its mode/],
  ['a file that is named as a directory', name('nnnnnnnnnnn/'), /by its mode|with content/],
  [
    'an encrypted entry',
    at(8, (bytes, place) => bytes.writeUInt16LE(bytes.readUInt16LE(place) | 1, place)),
    /encrypted/,
  ],
  ['strong encryption', at(8, (bytes, place) => bytes.writeUInt16LE(0x41, place)), /encrypt/],
  ['an unknown compression', at(10, (bytes, place) => bytes.writeUInt16LE(12, place)), /unknown way|compressed/],
  ['another compression than its header says', at(10, (bytes, place) => bytes.writeUInt16LE(0, place)), /./],
  ['a wrong checksum', at(16, (bytes, place) => bytes.writeUInt32LE(1, place)), /checksum/],
  ['a size that is too small', at(24, (bytes, place) => bytes.writeUInt32LE(1, place)), /./],
  ['a size that is too large', at(24, (bytes, place) => bytes.writeUInt32LE(9_999, place)), /./],
  ['content beyond the file', at(20, (bytes, place) => bytes.writeUInt32LE(0x7fffffff, place)), /./],
  ['a header beyond the file', at(42, (bytes, place) => bytes.writeUInt32LE(0x7fffffff, place)), /./],
  ['a name longer than the directory', at(28, (bytes, place) => bytes.writeUInt16LE(0xffff, place)), /./],
  [
    'flags that differ',
    at(8, (bytes, place) => bytes.writeUInt16LE(0x808 ^ bytes.readUInt16LE(place), place)),
    /flags/,
  ],
];

describe('hostile zip archives are refused whole', () => {
  const entries = [
    { name: 'bin/start', content: '#!/bin/sh\n' },
    { name: 'nnnnnnnnnnnn', content: 'some content' },
  ];

  it.each(ZIPS)('%s', async (_, patch, reason) => {
    expect((await refusal('web.zip', patch(await zip(entries)))).reason).toMatch(reason);
  });

  it('the same name twice', async () => {
    const twice = patched(await zip([...entries, { name: 'mmmmmmmmmmmm' }]), 'mmmmmmmmmmmm', 'nnnnnnnnnnnn');
    expect((await refusal('web.zip', twice)).reason).toMatch(/there twice/);
  });

  it('an archive cut off anywhere', async () => {
    const whole = await zip(entries);
    for (let end = 1; end < whole.length; end += 11) await refusal('web.zip', whole.subarray(0, end));
  });
});

describe('a directory of the bucket follows the same rules', () => {
  it.each(['../x', '/x', 'a\\b', 'a\u0007', 'a//b', deep(40)])('%j', async (path) => {
    const around = scratch();
    const services = join(around, 'services');
    const content = put(join(around, 'content'), 'x');
    const source = { kind: 'directory', files: [{ path, content, mode: 0o644 }] } as const;
    const done = installImage(source, 'web', DIGEST, OWNER, { services });
    await expect(done).rejects.toMatchObject({ code: 'image-refused' });
    expect(readdirSync(join(services, '.images/web'))).toEqual([]);
    expect(existsSync(join(services, 'web'))).toBe(false);
  });
});
