import { expect, it, onTestFinished } from 'vitest';
import { BucketWriter } from '../../src/aws/write.ts';
import { wake } from '../../src/cli/push/wake.ts';
import { wakesRole } from '../../src/fleet/wake.ts';
import { s3ForTest } from '../support/readers.ts';
import { KEY, REGION } from '../support/s3.ts';

const NOON = Date.UTC(2026, 10, 26, 12);
const ROLES = ['db', 'planet', 'shop'];

/** A state in which something stands, and whom a push of `role` at a time calls then. */
async function state(before?: string) {
  const s3 = await s3ForTest();
  const writer = new BucketWriter({ endpoint: { url: s3.url, region: REGION }, credentials: KEY });
  onTestFinished(() => writer.close());
  if (before !== undefined) await s3.endpoint.put('bkt', '.haulout/wake', { bytes: Buffer.from(before) });
  return async (role: string, seconds: number) => {
    await wake(writer, { bucket: 'bkt', prefix: '.haulout' }, role, new Date(NOON + seconds * 1_000));
    const body = (await s3.endpoint.get('bkt', '.haulout/wake', 1e6)) ?? Buffer.from('');
    return ROLES.filter((each) => wakesRole(body, each));
  };
}

it('two pushes within the pause between two looks of an agent call both roles', async () => {
  const push = await state();
  expect(await push('planet', 0)).toEqual(['planet']);
  expect(await push('db', 5)).toEqual(['db', 'planet']);
  expect(await push('db', 600)).toEqual(['db']);
});

it.each([
  ['by hand', 'Thu Nov 26 12:00:00 UTC 2026\n', ROLES],
  ['at the first launch', '{"schema":1}\n', ROLES],
  ['by a desk whose clock is a day ahead', '{"schema":1,"at":"2026-11-27T12:00:00.000Z","roles":["planet"]}', ['db']],
])('who was called %s a moment ago is called with them', async (_, before, called) => {
  const push = await state(before);
  expect(await push('db', 0)).toEqual(called);
  expect(await push('db', 600)).toEqual(['db']);
});
