import fc from 'fast-check';

/** One change to bytes; places are parts of a million, so that a shrunk case means the same place. */
interface Edit {
  readonly kind: 'cut' | 'flip' | 'insert' | 'twice' | 'end' | 'move' | 'fill';
  readonly at: number;
  readonly length: number;
  readonly word: number;
}

const EDIT: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom('cut', 'flip', 'insert', 'twice', 'end', 'move', 'fill'),
  at: fc.nat(999_999),
  length: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 16 }) }, fc.integer({ min: 17, max: 2_000 })),
  word: fc.nat(9_999),
});

/** Valid inputs, with some changes: cut, bits flipped, words of the format put in, parts twice, elsewhere or filled with one byte. */
export function edited(
  originals: readonly (string | Uint8Array)[],
  words: readonly (string | Uint8Array)[],
  most = 6,
): fc.Arbitrary<Buffer> {
  const bases = originals.map((each) => Buffer.from(each));
  const pieces = words.map((each) => Buffer.from(each));
  return fc
    .record({ base: fc.nat(bases.length - 1), edits: fc.array(EDIT, { minLength: 1, maxLength: most }) })
    .map(({ base, edits }) => edits.reduce<Buffer>((bytes, edit) => changed(bytes, edit, pieces), bases[base]!));
}

/** The same changes to bytes that are themselves drawn. */
export function editedOf(source: fc.Arbitrary<Buffer>, words: readonly string[], most: number): fc.Arbitrary<Buffer> {
  const pieces = words.map((each) => Buffer.from(each));
  const edits = fc.array(EDIT, { minLength: 0, maxLength: most });
  return fc
    .tuple(source, edits)
    .map(([bytes, all]) => all.reduce<Buffer>((so, edit) => changed(so, edit, pieces), bytes));
}

function changed(bytes: Buffer, { kind, at, length, word }: Edit, words: readonly Buffer[]): Buffer {
  const from = Math.floor((at / 1_000_000) * (bytes.length + 1));
  const to = Math.min(bytes.length, from + length);
  const [before, part, after] = [bytes.subarray(0, from), bytes.subarray(from, to), bytes.subarray(to)];
  if (kind === 'cut') return Buffer.concat([before, after]);
  if (kind === 'flip') return Buffer.concat([before, part.map((byte) => byte ^ (1 << (word % 8))), after]);
  if (kind === 'insert')
    return Buffer.concat([before, words[word % words.length]!, word % 2 ? part : Buffer.alloc(0), after]);
  if (kind === 'twice') return Buffer.concat([before, part, part, after]);
  if (kind === 'end') return before;
  if (kind === 'move') return Buffer.concat([before, after, part]);
  return Buffer.concat([before, Buffer.alloc(part.length, word % 256), after]);
}
