// haulout's reading path as a process from cold: what the agent does at each sync before it plans, by the agent's own functions.
// Inside: the ledger's memory of the last look, settling, listing, signing, fetching with verification, the content on disk and
// synced, the snapshot and its record written durably. Not inside: the metadata service (the keys are given), the copy of each
// file to its place under /, the plan. `look URL PREFIX DIRECTORY`
import { join } from 'node:path';
import { recall } from '../../src/agent/memory.ts';
import { lookAtBucket } from '../../src/agent/wanted.ts';
import { BucketReader } from '../../src/aws/read.ts';
import { ContentCache } from '../../src/bucket/cache.ts';
import { s3Store } from '../../src/bucket/s3-store.ts';
import { StateFiles } from '../../src/ledger/state-files.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { BUCKET, KEY, REGION } from './content.ts';

const [url = '', prefix = '', directory = ''] = process.argv.slice(2);
const reader = new BucketReader({
  endpoint: { url, region: REGION },
  bucket: BUCKET,
  credentials: async () => KEY,
  clock: systemClock,
  random: Math.random,
});
const state = new StateFiles(directory);
const memory = await recall(state);
const news = await lookAtBucket(
  {
    settings: { settleMs: 5_000 },
    clock: systemClock,
    store: s3Store(reader, BUCKET, prefix),
    state,
    eyes: { cache: new ContentCache(join(directory, 'objects')) },
  },
  memory,
);
reader.close();
if (!news.snapshot) throw new Error(news.trouble?.reason ?? 'no news');
console.log(`${news.snapshot.entries.length} entries, ${reader.cost.requests} requests`);
