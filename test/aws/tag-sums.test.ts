import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { TagSums } from '../../src/aws/tag-sums.ts';
import { MemorySink, readerAt, rejection, s3ForTest } from '../support/readers.ts';
import { say, startWire } from '../support/wire.ts';

const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const bytes = Buffer.from('the content, as it was uploaded');
const wrong = Buffer.from('the content, as it was uplXaded');

describe('an entity tag that is a sum', () => {
  it('holds a body of the right length to it: altered once, it is read again', async () => {
    const wire = await startWire((response, _, count) => say(response, 200, count === 1 ? wrong : bytes));
    const sink = new MemorySink();
    await readerAt(wire.url).read({ key: 'a', etag: md5(bytes.toString()), size: bytes.length }, sink);
    expect([sink.bytes.equals(bytes), wire.asked.length]).toEqual([true, 2]);
  });

  it('of a store that is known to have sums: altered every time, it is refused', async () => {
    const wire = await startWire((response, { url }) => say(response, 200, url?.endsWith('/good') ? bytes : wrong));
    const reader = readerAt(wire.url);
    const object = { etag: md5(bytes.toString()), size: bytes.length };
    await reader.read({ ...object, key: 'good' }, new MemorySink());
    expect(await rejection(reader.read({ ...object, key: 'bad' }, new MemorySink()))).toMatchObject({
      code: 'body-altered',
      subject: 'bad',
    });
    expect(wire.asked).toHaveLength(1 + 3);
  });

  it('of a store that is known from before, or of Amazon: altered the same way twice is not enough to be believed', async () => {
    const wire = await startWire((response) => say(response, 200, wrong));
    const object = { key: 'a', etag: md5(bytes.toString()), size: bytes.length };
    const reader = readerAt(wire.url, { tagsAreSums: true });
    expect(await rejection(reader.read(object, new MemorySink()))).toMatchObject({ code: 'body-altered' });
  });

  it('altered anew each time, it is refused although nothing is known of the store', async () => {
    const wire = await startWire((response, _, count) => say(response, 200, `content ${count}`));
    const read = readerAt(wire.url).read({ key: 'a', etag: md5('content 0'), size: 9 }, new MemorySink());
    expect(await rejection(read)).toMatchObject({ code: 'body-altered' });
  });
});

describe('an entity tag that is none', () => {
  it.each([
    ['of an object in parts', `${md5('x')}-3`, {}],
    ['of another kind', 'W10c-etag', {}],
    ['encrypted with KMS', md5('x'), { 'x-amz-server-side-encryption': 'aws:kms' }],
    ["encrypted with a customer's key", md5('x'), { 'x-amz-server-side-encryption-customer-algorithm': 'AES256' }],
  ])('%s: the bytes are taken as they are, at once', async (_, etag, headers) => {
    const wire = await startWire((response) => say(response, 200, bytes, headers));
    await readerAt(wire.url).read({ key: 'a', etag, size: bytes.length }, new MemorySink());
    expect(wire.asked).toHaveLength(1);
  });

  it('but looks like one: the same bytes twice are believed, and soon once is enough', async () => {
    const wire = await startWire((response) => say(response, 200, bytes));
    const reader = readerAt(wire.url);
    for (let n = 0; n < 6; n++)
      await reader.read({ key: `${n}`, etag: md5(`other ${n}`), size: bytes.length }, new MemorySink());
    expect(wire.asked).toHaveLength(3 * 2 + 3);
  });
});

it('of our own endpoint is one', async () => {
  const s3 = await s3ForTest();
  const { etag } = await s3.endpoint.put('bkt', 'a', { bytes });
  const sums = new TagSums();
  expect(sums.begin(etag)?.update(bytes).digest('hex')).toBe(etag);
});
