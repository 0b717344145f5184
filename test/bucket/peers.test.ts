import { randomBytes } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest';
import { ask, type Place } from '../../src/aws/ask.ts';
import { probeConditionalWrites } from '../../src/aws/probe.ts';
import type { ReaderOptions } from '../../src/aws/read.ts';
import { SmallObjects } from '../../src/aws/small-objects.ts';
import { BucketWriter } from '../../src/aws/write.ts';
import { s3Store } from '../../src/bucket/s3-store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { describeWith } from '../support/needs.ts';
import { readerAt, rejection } from '../support/readers.ts';
import { PEERS } from '../support/servers/all.ts';
import { local } from '../support/servers/local.ts';
import { needPeer, type Peer, type PeerKind, placeOf } from '../support/servers/peer.ts';
import { checks, type StoreUnderTest, storeContract } from '../support/store-contract.ts';

/** One of a server's buckets, new and empty, with the desk's own writer. */
interface Room {
  readonly bucket: string;
  readonly place: Place;
  readonly writer: BucketWriter;
  readonly reader: (options?: Partial<ReaderOptions>) => ReturnType<typeof readerAt>;
}

describe('our own store, asked the same', () => peer(local));
for (const kind of PEERS)
  describeWith([needPeer(kind)], `a store that nobody here wrote: ${kind.name}`, () => peer(kind));

function peer(kind: PeerKind): void {
  let server: Peer;
  let writer: BucketWriter;
  beforeAll(async () => {
    server = await kind.start(placeOf(kind));
    const { url, region, credentials } = server;
    writer = new BucketWriter({ endpoint: { url, region }, credentials });
  }, 120_000);
  afterAll(async () => {
    writer?.close();
    await server?.close();
  });

  const room = async (): Promise<Room> => {
    const { url, region, credentials } = server;
    const bucket = `haulout-${randomBytes(6).toString('hex')}`;
    const client = new S3Client({ endpoint: url, region, credentials, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    client.destroy();
    const asked = { endpoint: { url, region }, bucket, credentials: async () => credentials };
    const place = { endpoint: { url, region }, bucket, credentials };
    return { bucket, place, writer, reader: (options = {}) => readerAt(url, { ...asked, ...options }) };
  };

  storeContract(kind.name, () => storeIn(room), kind.faults);
  further(kind, room, () => server);
}

async function storeIn(room: () => Promise<Room>): Promise<StoreUnderTest> {
  const { bucket, place, writer, reader } = await room();
  return {
    store: s3Store(reader(), bucket, 'a role/of it'),
    put: async (path, text) => void (await writer.put(bucket, `a role/of it/${path}`, Buffer.from(text))),
    remove: async (path) => void (await ask(place, { method: 'DELETE', key: `a role/of it/${path}` })),
  };
}

/** What haulout asks of a server beyond reading. */
function further(kind: PeerKind, room: () => Promise<Room>, server: () => Peer): void {
  const it = checks(kind.faults);
  const { createOnly, ifMatch, bareTags = false } = kind.conditionalWrites;

  it('lists more objects than one page of the server holds', async () => {
    const { bucket, writer, reader } = await room();
    const keys = Array.from({ length: kind.manyObjects }, (_, i) => `many/${String(i).padStart(5, '0')}`);
    for (let i = 0; i < keys.length; i += 25)
      await Promise.all(keys.slice(i, i + 25).map((key) => writer.put(bucket, key, Buffer.from(key))));
    const asked = reader();
    expect((await asked.list('many/', undefined)).objects.map(({ key }) => key)).toEqual(keys);
    expect(asked.cost.requests).toBeGreaterThan(1);
  }, 120_000);

  it('refuses a wrong secret', async () => {
    const credentials = async () => ({ ...server().credentials, secretAccessKey: 'wrong' });
    const refused = (await room()).reader({ credentials }).list('', undefined);
    expect(await rejection(refused)).toMatchObject({ status: 403 });
  });

  it('is read with a clock that is two hours off', async () => {
    const { bucket, writer, reader } = await room();
    await writer.put(bucket, 'a', Buffer.from('hello'));
    for (const hours of [-2, 2]) {
      const clock = { ...systemClock, now: () => Date.now() + hours * 3_600_000 };
      expect(String(await reader({ clock }).readSmall('a', 9))).toBe('hello');
    }
  });

  it('is read with the name of another region', async () => {
    const { bucket, writer, reader } = await room();
    await writer.put(bucket, 'a', Buffer.from('hello'));
    const endpoint = { url: server().url, region: 'eu-west-9' };
    expect(String(await reader({ endpoint }).readSmall('a', 9))).toBe('hello');
  });

  it('takes the agent, once and again', async () => {
    const { bucket, writer } = await room();
    const agent = Buffer.alloc(2_000_000, 'agent ');
    const upload = () =>
      writer.put(bucket, '.haulout/agent/x', agent, { createOnly: true, contentType: 'text/javascript' });
    expect(await upload()).toBe('written');
    expect(['written', 'exists']).toContain(await upload());
    expect(Buffer.from((await writer.get(bucket, '.haulout/agent/x', 3_000_000))!).equals(agent)).toBe(true);
  });

  it('takes the status of an instance', async () => {
    const { bucket, reader } = await room();
    const { url, region } = server();
    const key = '.haulout/instances/web/i-0123456789abcdef0.json';
    const credentials = async () => server().credentials;
    const objects = new SmallObjects({
      endpoint: { url, region },
      bucket,
      credentials,
      clock: systemClock,
      random: Math.random,
    });
    onTestFinished(() => objects.close());
    for (const text of ['{"schema":1}\n', '{"schema":2}\n']) {
      await objects.put(key, Buffer.from(text), 'application/json');
      expect(String(await reader().readSmall(key, 99))).toBe(text);
    }
  });

  const found = `create-only ${createOnly}, If-Match ${ifMatch}${bareTags ? ' without quotes' : ''}`;
  it(`conditional writes, found out: ${found}`, async () => {
    const { place, reader } = await room();
    expect(await probeConditionalWrites(place, 'state/probe/')).toEqual(kind.conditionalWrites);
    expect((await reader().list('', undefined)).objects).toEqual([]);
  });
}
