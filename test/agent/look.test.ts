import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Memory } from '../../src/agent/memory.ts';
import { lookAtBucket } from '../../src/agent/wanted.ts';
import { S3Error } from '../../src/aws/s3-error.ts';
import { ContentCache } from '../../src/bucket/cache.ts';
import { directoryStore } from '../../src/bucket/directory-store.ts';
import { StateFiles } from '../../src/ledger/state-files.ts';
import { Waits } from '../../src/lib/waits.ts';
import { VirtualClock } from '../support/clock.ts';
import { put, scratch } from '../support/scratch.ts';

it('a bucket that is not there is waited for from one round to the next, whatever the reason, until it is', async () => {
  const directory = scratch();
  const role = join(directory, 'role');
  mkdirSync(role);
  const clock = new VirtualClock();
  const waits = new Waits(clock);
  const memory: Memory = { identity: undefined, last: undefined, strangers: [] };
  const files = directoryStore(role);
  let refused = true;
  const store = {
    ...files,
    list: (...words: Parameters<typeof files.list>) =>
      refused ? Promise.reject(new S3Error(403, 'AccessDenied', 'ListObjectsV2', 's3://b')) : files.list(...words),
  };
  const cache = new ContentCache(join(directory, 'objects'));
  const state = new StateFiles(join(directory, 'state'));
  const look = async () => {
    const { trouble } = await lookAtBucket(
      { clock, waits, store, state, settings: { settleMs: 0 }, eyes: { cache } },
      memory,
    );
    clock.advance(30_000); // until the next round
    return trouble?.code;
  };

  expect([await look(), await look()]).toEqual(['s3-AccessDenied', 's3-AccessDenied']);
  refused = false;
  expect(await look()).toBe('bucket-empty');
  put(join(role, 'haulout.ini'), '[haulout]\nversion = 1\n');
  expect(await look()).toBeUndefined();
  expect(waits.noticeable().map(({ step, code, ms, over }) => [step, code, ms, over])).toEqual([
    ['bucket', 's3-AccessDenied', 60_000, true],
    ['bucket', 'bucket-empty', 30_000, true],
  ]);
});
