// A process of its own: the S3 endpoint of the local cloud, filled, for every client alike. It checks each signature.
// Lines on standard input change it: `touch KEY` writes a new object of the same size under a key, and answers `ok`.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { listen } from '../../src/cloud/s3/listen.ts';
import { S3Endpoint } from '../../src/cloud/s3/server.ts';
import { BUCKET, FILLINGS, KEY, noise, REGION, SPEC } from './content.ts';

/** What was uploaded was uploaded long ago: no client waits for the bucket to become quiet. */
const LONG_AGO_MS = 3_600_000;
let age = LONG_AGO_MS;

const directory = await mkdtemp(join(tmpdir(), 'haulout-bench-store-'));
const endpoint = new S3Endpoint({
  region: REGION,
  keys: new Map([[KEY.accessKeyId, KEY]]),
  dataDirectory: directory,
  now: () => Date.now() - age,
});
endpoint.createBucket(BUCKET);
for (const { prefix, names, size } of FILLINGS) {
  await endpoint.put(BUCKET, `${prefix}/haulout.ini`, { bytes: Buffer.from(SPEC) });
  for (const name of names) await endpoint.put(BUCKET, `${prefix}/${name}`, { bytes: noise(size) });
}
age = 0;
const { url, close } = await listen(endpoint.handler, { host: '127.0.0.1', port: 0 });
console.log(url);

for await (const line of createInterface({ input: process.stdin })) {
  const [, key = ''] = line.split(' ');
  const size = endpoint.list(BUCKET, key)[0]?.size ?? 0;
  age = LONG_AGO_MS / 2;
  await endpoint.put(BUCKET, key, { bytes: noise(size) });
  age = 0;
  console.log('ok');
}
await close();
await endpoint.close();
await rm(directory, { recursive: true, force: true });
