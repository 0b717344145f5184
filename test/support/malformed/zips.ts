import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { editedOf } from './edits.ts';
import { NAMES, someName } from './names.ts';

/** What the two descriptions of one entry say; the second is in the central directory. */
interface Said {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
}

interface Lie {
  readonly what: keyof Said;
  readonly value: number | string;
  readonly where: 'local' | 'central' | 'both';
}

/** The last one is a bomb: 8 MiB of one letter in 8 kB. */
const CONTENTS = ['', 'a', '#!/bin/sh\nexit 0\n', 'z'.repeat(3_000), '0'.repeat(8 * 1024 ** 2)].map((text) => {
  const raw = Buffer.from(text);
  return { raw, deflated: deflateRawSync(raw), crc: crc32(raw) };
});
const EMPTY = CONTENTS[0]!;
const MODES = [0o100644, 0o100755, 0o040755, 0o120777, 0o060600, 0o010644, 0o104755, 0];
const number = fc.constantFrom(0, 1, 8, 9, 12, 93, 99, 0x801, 0xffff, 0xffffffff, 0x7fffffff, 4_096);
const lie: fc.Arbitrary<Lie> = fc.oneof(
  fc.record({
    what: fc.constantFrom('flags', 'method', 'crc', 'packed', 'size'),
    value: number,
    where: fc.constantFrom('local', 'central', 'both'),
  }),
  fc.record({
    what: fc.constant('name'),
    value: fc.constantFrom(...NAMES),
    where: fc.constantFrom('local', 'central'),
  }),
) as fc.Arbitrary<Lie>;
const entry = fc.record({
  name: someName,
  content: fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(...CONTENTS.slice(0, -1)) },
    fc.constant(CONTENTS.at(-1)!),
  ),
  stored: fc.boolean(),
  mode: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(0o100644, 0o100755) }, fc.constantFrom(...MODES)),
  extra: fc.constantFrom(
    '',
    '',
    '',
    '\x01\x00\x08\x00'.padEnd(12, '\xff'),
    'up\x05\x00\x01\x00\x00\x00\x00',
    '\xff\xff',
  ),
  lies: fc.oneof({ weight: 6, arbitrary: fc.constant([]) }, fc.array(lie, { minLength: 1, maxLength: 2 })),
  /** How far the central directory's word about the place is off. */
  shift: fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, fc.integer({ min: -60, max: 60 })),
});

type Entry = typeof entry extends fc.Arbitrary<infer T> ? T : never;

/** A zip by hand, so that nothing stops it from being wrong. */
function zip(entries: readonly Entry[], comment: string): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const one of entries) {
    const { raw, deflated, crc } = one.name.endsWith('/') ? EMPTY : one.content;
    const body = one.stored ? raw : deflated;
    const truth = {
      name: one.name,
      flags: 0x800,
      method: one.stored ? 0 : 8,
      crc,
      packed: body.length,
      size: raw.length,
    };
    const local = Buffer.concat([described('PK\x03\x04', lied(truth, one.lies, 'local'), one.extra), body]);
    const there = described('PK\x01\x02', lied(truth, one.lies, 'central'), one.extra, {
      mode: one.mode,
      at: at + one.shift,
    });
    locals.push(local);
    central.push(there);
    at += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  for (const offset of [8, 10]) end.writeUInt16LE(entries.length, offset);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(Buffer.byteLength(comment), 20);
  return Buffer.concat([...locals, directory, end, Buffer.from(comment)]);
}

function lied(truth: Said, lies: readonly Lie[], where: 'local' | 'central'): Said {
  const told = lies.filter((each) => each.where === where || each.where === 'both');
  return { ...truth, ...Object.fromEntries(told.map(({ what, value }) => [what, value])) };
}

function described(mark: string, said: Said, extra: string, central?: { mode: number; at: number }): Buffer {
  const [name, more] = [Buffer.from(said.name), Buffer.from(extra, 'latin1')];
  const head = Buffer.alloc(central ? 46 : 30);
  const from = central ? 6 : 4;
  head.write(mark, 'latin1');
  if (central) head.writeUInt16LE(0x0314, 4); // made by Unix: the mode counts
  head.writeUInt16LE(20, from);
  head.writeUInt16LE(said.flags & 0xffff, from + 2);
  head.writeUInt16LE(said.method & 0xffff, from + 4);
  head.writeUInt32LE(0x50210000, from + 6);
  for (const [index, value] of [said.crc, said.packed, said.size].entries())
    head.writeUInt32LE(value >>> 0, from + 10 + 4 * index);
  head.writeUInt16LE(name.length, from + 22);
  head.writeUInt16LE(more.length, from + 24);
  if (central) {
    head.writeUInt32LE((central.mode << 16) >>> 0, 38);
    head.writeUInt32LE(Math.max(0, central.at), 42);
  }
  return Buffer.concat([head, name, more]);
}

const whole = fc
  .tuple(fc.array(entry, { minLength: 1, maxLength: 5 }), fc.constantFrom('', '', 'a comment', 'PK\x05\x06'.repeat(4)))
  .map(([entries, comment]) => zip(entries, comment));

export const zips: fc.Arbitrary<Buffer> = fc.oneof(
  whole,
  editedOf(whole, ['PK\x01\x02', 'PK\x03\x04', 'PK\x05\x06', 'PK\x06\x06', '../', '\u0000'], 4),
);
