import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ContentCache } from '../../src/bucket/cache.ts';
import { provesSums } from '../../src/bucket/proves-sums.ts';
import { makeSnapshot } from '../../src/bucket/snapshot.ts';
import { scratch } from '../support/scratch.ts';

const spec = Buffer.from('[haulout]\nversion = 1\n');
const sum = createHash('md5').update(spec).digest('hex');

it.each([
  ['a sum', sum, true],
  ['a sum of something else', sum.replace(/./, (first) => (first === 'a' ? 'b' : 'a')), false],
  ['of another kind', 'W10c', false],
])('a spec whose entity tag is %s', async (_, etag, proven) => {
  const cache = new ContentCache(scratch());
  const entry = { path: 'haulout.ini', size: spec.length, sha256: await cache.keep(spec), mode: 0o644, etag };
  expect(await provesSums(cache, makeSnapshot([entry]))).toBe(proven);
  rmSync(cache.directory, { recursive: true });
  expect(await provesSums(cache, makeSnapshot([entry]))).toBe(false);
});

it('nothing known proves nothing', async () => {
  expect(await provesSums(new ContentCache(scratch()), undefined)).toBe(false);
});
