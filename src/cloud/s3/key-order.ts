/**
 * S3 lists keys in the order of their UTF-8 bytes. JavaScript compares UTF-16 units, where a character beyond U+FFFF
 * (a surrogate pair, D800-DFFF) comes before U+E000-U+FFFF; by its bytes it comes after.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** The index of the first of the sorted keys that is not before `key`. */
export function lowerBound(keys: readonly string[], key: string): number {
  return firstIndex(keys, (each) => compareKeys(each, key) >= 0);
}

/** The index of the first key that `holds` is true of; it must be false up to some place and true from there on. */
export function firstIndex(keys: readonly string[], holds: (key: string) => boolean): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(keys[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
