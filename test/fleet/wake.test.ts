import fc from 'fast-check';
import { expect, it } from 'vitest';
import { wakesRole } from '../../src/fleet/wake.ts';
import { SEED } from '../support/seeded.ts';

const wakes = (text: string) => wakesRole(Buffer.from(text), 'planet');

it.each<[string, string, boolean]>([
  ['nothing', '', true],
  ['a word', 'touched by hand', true],
  ['its role', '{"schema":1,"role":"planet"}', true],
  ['another role', '{"schema":1,"role":"shop"}', false],
  ['its role among others', '{"schema":1,"roles":["shop","planet"]}', true],
  ['other roles', '{"schema":1,"roles":["shop","planets"]}', false],
  ['no role at all', '{"schema":1,"roles":[]}', true],
  ['roles that are none', '{"roles":[1,null,{"planet":1}]}', true],
  ['roles in a word', '{"roles":"shop"}', true],
  ['roles of other minds', '{"__proto__":{"roles":["shop"]}}', true],
  ['a list', '["shop"]', true],
  ['half a document', '{"roles":["sh', true],
  ['a number', '1e999', true],
])('a call that holds %s', (_, text, expected) => {
  expect(wakes(text)).toBe(expected);
});

it('whatever it holds, it is a yes or a no', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.json().map((text) => `{"roles":${text}}`),
  );
  fc.assert(
    fc.property(texts, (text) => typeof wakes(text) === 'boolean'),
    { seed: SEED, numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => typeof wakesRole(bytes, 'planet') === 'boolean'),
    { seed: SEED, numRuns: 2_000 },
  );
});
