import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { pax, type TarEntry, tar } from '../archives.ts';
import { edited, editedOf } from './edits.ts';
import { NAMES, someName } from './names.ts';

const TYPES = [
  '0',
  '0',
  '0',
  '5',
  '5',
  '1',
  '2',
  '3',
  '4',
  '6',
  '7',
  'x',
  'g',
  'L',
  'K',
  'S',
  'V',
  'M',
  'D',
  '\u0000',
  'z',
];
const SIZES = ['77777777777', '-1', '99999999999', '\x80\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff', '', 'x'];

const name = someName;
const hostile = fc.constantFrom(...NAMES);
const content = fc.constantFrom(
  '',
  'a',
  '#!/bin/sh\r\nexit 0\r\n',
  '\ufeff#!/bin/sh\n',
  'x'.repeat(511),
  'y'.repeat(1_500),
);
const plain: fc.Arbitrary<TarEntry> = fc
  .record({ name, type: fc.constantFrom('0', '0', '5'), content })
  .map((entry) => (entry.type === '5' ? { ...entry, content: '' } : entry));
const odd: fc.Arbitrary<TarEntry> = fc
  .record({
    name,
    type: fc.constantFrom(...TYPES),
    content,
    mode: fc.constantFrom(0o644, 0o755, 0o4755, 0o7777, 0o777777),
    link: fc.constantFrom('', '/etc/passwd', '../../canary', 'bin/start', '.'),
    prefix: fc.constantFrom('', '', '', '..', '/etc', 'a/b'),
    lie: fc.option(fc.oneof(fc.constantFrom(...SIZES), fc.nat(5_000)), { freq: 4 }),
  })
  .map(({ lie, ...entry }) => (lie === null ? entry : { ...entry, size: lie }));
const record = fc.record(
  { path: hostile, size: fc.constantFrom('1', '0', '-1', '99999999999', 'x'), linkpath: hostile },
  { requiredKeys: [] },
);
const header: fc.Arbitrary<TarEntry> = fc.oneof(
  record.map((records) => pax(records)),
  record.map((records) => pax(records, 'g')),
  fc
    .constantFrom({ 'GNU.sparse.major': '1' }, { __proto__x: '1', constructor: 'x' }, { path: 'a\u0000b' })
    .map((records) => pax(records)),
  fc.record({
    name: fc.constant('././@LongLink'),
    type: fc.constantFrom('L', 'K'),
    content: hostile.map((each) => `${each}\u0000`),
  }),
);
const WORDS = [
  'ustar\u000000',
  'ustar  \u0000',
  '../',
  '/',
  '\u0000'.repeat(512),
  '0000644',
  '././@LongLink',
  '12 path=../x\n',
];

/** Archives made of entries that may lie, some of them then damaged; where the damage is in a header, its sum may be made right. */
function drawn(): fc.Arbitrary<Buffer> {
  const entries = fc.array(fc.oneof({ weight: 14, arbitrary: plain }, { weight: 2, arbitrary: odd }, header), {
    minLength: 1,
    maxLength: 6,
  });
  const whole = fc
    .tuple(entries, fc.constantFrom('marked', 'marked', 'marked', 'cut'))
    .map(([all, end]) => tar(all, end as 'marked'));
  return fc.oneof(
    whole,
    fc.tuple(editedOf(whole, WORDS, 4), fc.boolean()).map(([bytes, mend]) => (mend ? summed(bytes) : bytes)),
  );
}

/** Each block that says it is a header gets the sum that a header has. */
function summed(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let at = 0; at + 512 <= copy.length; at += 512) {
    if (copy.toString('latin1', at + 257, at + 262) !== 'ustar') continue;
    copy.write(' '.repeat(8), at + 148);
    const sum = copy.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    copy.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, at + 148, 'latin1');
  }
  return copy;
}

/** Small ones and a bomb: 16 MiB of nothing in 16 kB. */
const REAL = [
  tar([
    { name: 'bin/start', content: '#!/bin/sh\n', mode: 0o755 },
    { name: 'cfg/', type: '5' },
    pax({ path: 'lib/ü' }),
    { name: 'x', content: 'y'.repeat(2_000) },
  ]),
  tar([{ name: 'web-1.0/bin/start', content: '#!/bin/sh\n' }]),
];
const BOMB = gzipSync(tar([{ name: 'zeros', content: Buffer.alloc(16 * 1024 ** 2) }]));

export const tars = drawn();
export const tgzs: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 6, arbitrary: drawn().map((bytes) => gzipSync(bytes, { level: 1 })) },
  {
    weight: 6,
    arbitrary: edited(
      REAL.map((bytes) => gzipSync(bytes)),
      ['\x1f\x8b', '\u0000'],
    ),
  },
  { weight: 1, arbitrary: edited([BOMB], ['\x1f\x8b', '\u0000'], 2) },
);
/** Packed by the system's own program, a process for each: no more than are asked for. */
export function bzips(): fc.Arbitrary<Buffer> {
  const packed = (bytes: Buffer) => execFileSync('bzip2', ['-1'], { input: bytes });
  return fc.oneof(drawn().map(packed), edited(REAL.map(packed), ['BZh9', '\u0000']));
}
