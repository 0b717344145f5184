import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Ec2, type LaunchWish } from '../../src/aws/ec2.ts';
import { BucketWriter } from '../../src/aws/write.ts';
import { launchOnce } from '../../src/cli/launch/launch-once.ts';
import { type LaunchRecord, wishDigest } from '../../src/cli/launch/launch-record.ts';
import { LaunchRecords } from '../../src/cli/launch/launch-records.ts';
import type { LaunchWorld } from '../../src/cli/launch/launch-world.ts';
import { settleLeftovers } from '../../src/cli/launch/leftovers.ts';
import type { Ec2Faults } from '../../src/cloud/ec2/faults.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type RunningEc2, startEc2 } from '../support/ec2.ts';
import { readerAt, rejection, s3ForTest } from '../support/readers.ts';
import { KEY, REGION, type RunningS3 } from '../support/s3.ts';

const WISH: LaunchWish = {
  token: 'one',
  count: 1,
  like: { imageId: 'ami-0123456789abcdef0', instanceType: 't3.micro' },
  template: undefined,
  userData: Buffer.from('#!/bin/sh\n'),
  tags: { Name: 'planet' },
};
const DIGEST = wishDigest(WISH);
const MINUTE = 60_000;

/** A process that has ended: its number belongs to nobody for a while. */
const deadPid = () => spawnSync('/bin/true').pid;
const ago = (milliseconds: number) => new Date(Date.now() - milliseconds).toISOString();

function record(more: Partial<LaunchRecord> = {}, owner: Partial<LaunchRecord['owner']> = {}): LaunchRecord {
  const { token, count } = WISH;
  const killed = { host: hostname(), pid: deadPid(), id: 'x', at: ago(0), ...owner };
  return { schema: 1, token, role: 'planet', count, wish: DIGEST, region: REGION, owner: killed, ...more };
}

describe('records of launches', () => {
  let s3: RunningS3;
  let cloud: RunningEc2;
  let world: LaunchWorld;
  let said: string[];
  let faults: Ec2Faults;

  beforeEach(async () => {
    process.env['AWS_ACCESS_KEY_ID'] = KEY.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = KEY.secretAccessKey;
    s3 = await s3ForTest();
    faults = () => undefined;
    cloud = await startEc2({ faults: (request) => faults(request) });
    const writer = new BucketWriter({ endpoint: { url: s3.url, region: REGION }, credentials: KEY });
    const ec2 = new Ec2({ url: cloud.url, region: REGION });
    const state = { bucket: 'bkt', prefix: '.haulout' };
    const records = new LaunchRecords(writer, readerAt(s3.url), state, 'planet');
    said = [];
    const say = (words: string) => said.push(words);
    world = { ec2, records, clock: systemClock, region: REGION, state: 's3://bkt/.haulout', say };
    onTestFinished(async () => {
      delete process.env['AWS_ACCESS_KEY_ID'];
      delete process.env['AWS_SECRET_ACCESS_KEY'];
      ec2.close();
      writer.close();
      await cloud.close();
    });
  });

  const plant = (value: unknown, name = 'launch-planet-one.json') => {
    const bytes = typeof value === 'string' ? value : JSON.stringify(value);
    return s3.endpoint.put('bkt', `.haulout/operations/${name}`, { bytes: Buffer.from(bytes) });
  };
  const left = () => s3.endpoint.list('bkt', '.haulout/operations/').map(({ key }) => key.split('/').pop());
  const launched = async (more: Partial<LaunchWish> = {}) =>
    (await world.ec2.run({ ...WISH, ...more })).map(({ id }) => id);
  const settle = () => settleLeftovers(world, DIGEST);

  it('are there while EC2 is asked, and gone when it has answered', async () => {
    let during: unknown;
    const { run } = world.ec2;
    world.ec2.run = async (wish) => {
      during = left();
      return await run.call(world.ec2, wish);
    };
    const [id] = await launchOnce(world, 'planet', { ...WISH, token: 'a/b*c' });
    expect(during).toEqual(['launch-planet-a%2Fb*c.json']);
    expect([left(), said.at(-1)]).toEqual([[], `launched ${id}`]);
    expect(await settle()).toBeUndefined();
  });

  it('stay where the answer is lost, and the next run finds what was launched', async () => {
    faults = ({ action, moment }) =>
      action === 'RunInstances' && moment === 'after' ? { cutAfterBytes: 0 } : undefined;
    expect(await rejection(launchOnce(world, 'planet', WISH))).toMatchObject({ code: 'launch-in-doubt' });
    const written = JSON.parse(String(await s3.endpoint.get('bkt', '.haulout/operations/launch-planet-one.json', 1e6)));
    const { at } = (written as LaunchRecord).owner;
    expect(written).toEqual(record({}, { pid: process.pid, id: expect.any(String), at }));
    await plant(record({}, { at }));
    expect(await settle()).toEqual({ token: 'one', ids: [expect.stringMatching(/^i-/)] });
  });

  it('are gone where EC2 refuses', async () => {
    faults = ({ moment }) => (moment === 'before' ? { status: 403, code: 'UnauthorizedOperation' } : undefined);
    expect(await rejection(launchOnce(world, 'planet', WISH))).toMatchObject({ code: 'ec2-UnauthorizedOperation' });
    expect(left()).toEqual([]);
  });

  it('are gone on with: the instances where there are any, else the token', async () => {
    await plant(record());
    expect(await settle()).toEqual({ token: 'one', ids: undefined });
    const ids = await launched();
    expect(await settle()).toEqual({ token: 'one', ids });
    expect(said).toEqual([
      expect.stringMatching(/^the launch of .*Z was cut off: going on with it, under its token$/),
      expect.stringMatching(new RegExp(`was cut off; it launched ${ids.join(' ')}: going on with it$`)),
    ]);
  });

  it('with fewer instances than were wanted are asked for again while EC2 may still be behind', async () => {
    const ids = await launched({ count: 2 });
    await plant(record({ count: 3 }));
    expect(await settle()).toEqual({ token: 'one', ids: undefined });
    await plant(record({ count: 3 }, { at: ago(11 * MINUTE) }));
    expect(await settle()).toEqual({ token: 'one', ids });
  });

  it('of instances that have ended are over', async () => {
    const [id] = await launched();
    await world.ec2.terminate(id!);
    await plant(record());
    expect(await settle()).toBeUndefined();
    expect([left(), said]).toEqual([[], [expect.stringContaining(`what it launched has ended (${id})`)]]);
  });

  it.each([
    ['this machine, and alive', { pid: process.pid }],
    ['another machine, and young', { host: 'elsewhere', pid: 7 }],
    ['another machine whose clock is ahead', { host: 'elsewhere', pid: 7, at: ago(-MINUTE) }],
  ])('of a process of %s are left alone', async (_, owner) => {
    await plant(record({}, owner));
    expect(await settle()).toBeUndefined();
    expect(said).toEqual([
      expect.stringMatching(/^another launch is under way \(.*, process \d+\): it is left alone$/),
    ]);
    expect(left()).toHaveLength(1);
  });

  it.each([
    ['of this machine whose number another one has by now', { pid: process.pid, at: ago(4 * MINUTE) }],
    ['of another machine, and silent', { host: 'elsewhere', pid: 7, at: ago(4 * MINUTE) }],
    ['from the future', { host: 'elsewhere', pid: 7, at: ago(-4 * MINUTE) }],
  ])('of a process %s are gone on with', async (_, owner) => {
    await plant(record({}, owner));
    expect(await settle()).toEqual({ token: 'one', ids: undefined });
  });

  it('of another wish are told of once, with what runs and what has ended', async () => {
    const [first, second] = await launched({ count: 2 });
    await world.ec2.terminate(first!);
    await plant(record({ wish: 'a'.repeat(64), count: 2 }));
    expect(await settle()).toBeUndefined();
    expect(said[0]).toMatch(
      new RegExp(`it launched ${first} \\((terminated|shutting-down)\\), ${second} \\((pending|running)\\)$`),
    );
    expect(said[1]).toMatch(new RegExp(`s3://bkt/.haulout.*--instance-ids ${second}$`));
    expect([left(), said.length]).toEqual([[], 2]);
  });

  it('of another wish that launched nothing are forgotten when EC2 must have shown it', async () => {
    const other = { wish: 'a'.repeat(64) };
    await plant(record(other, { at: ago(9 * MINUTE) }));
    expect(await settle()).toBeUndefined();
    expect(left()).toHaveLength(1);
    await plant(record(other, { at: ago(11 * MINUTE) }));
    expect(await settle()).toBeUndefined();
    expect([left(), said.at(-1)]).toEqual([[], expect.stringMatching(/was cut off; it launched nothing$/)]);
  });

  it('of another region are left for it, because a token launches again there', async () => {
    await plant(record({ region: 'us-west-2' }));
    expect(await settle()).toBeUndefined();
    expect([left(), said]).toEqual([['launch-planet-one.json'], [expect.stringContaining('--region us-west-2')]]);
  });

  it('of another role are its own business', async () => {
    await plant(record({ role: 'planet-two', token: 'x' }), 'launch-planet-two-x.json');
    expect([await settle(), said]).toEqual([undefined, []]);
  });

  it('of two launches that were cut off are gone on with one after the other', async () => {
    await plant(record());
    await plant(record({ token: 'two' }), 'launch-planet-two.json');
    expect(await settle()).toMatchObject({ ids: undefined });
    expect(said[1]).toContain('was cut off too: run the command again');
    expect(left()).toHaveLength(2);
  });

  it.each([
    ['text', 'x'],
    ['nothing', ''],
    ['a list', []],
    ['another schema', { ...record(), schema: 2 }],
    ['no owner', { ...record(), owner: undefined }],
    ['an owner that is a word', { ...record(), owner: 'me' }],
    ['a process that would be all of them', record({}, { pid: -1 })],
    ['a process that is none', record({}, { pid: 1.5 })],
    ['a time that is none', record({}, { at: '2026-13-45T99:00:00.000Z' })],
    ['a host of several lines', record({}, { host: 'a\nb' })],
    ['no digest', record({ wish: 'x' })],
    ['a count that never ends', record({ count: 1e9 })],
    ['a token of another key', record({ token: 'two' })],
    ['a token that EC2 does not take', record({ token: 'x'.repeat(65) })],
    ['a role that is none', record({ role: '../other' })],
    ['more than a record', JSON.stringify({ ...record(), more: 'x'.repeat(17_000) })],
  ])('that cannot be read are told of and left: %s', async (_, value) => {
    await plant(value);
    expect(await settle()).toBeUndefined();
    expect(said).toEqual([
      expect.stringMatching(/^s3:\/\/bkt\/\.haulout\/operations\/launch-planet-one\.json: no record/),
    ]);
    expect(left()).toHaveLength(1);
    expect(cloud.log).toEqual([]);
  });

  it('are looked at to a bound, the newest first', async () => {
    for (let i = 0; i < 52; i++) await plant('x', `launch-planet-${String(i).padStart(2, '0')}.json`);
    await settle();
    expect(said).toHaveLength(51);
    expect(said.at(-1)).toBe('2 older records of launches are not looked at');
  });

  it('that cannot be written keep anything from being launched', async () => {
    const writer = new BucketWriter({
      endpoint: { url: s3.url, region: REGION },
      credentials: { ...KEY, secretAccessKey: 'x' },
    });
    const records = new LaunchRecords(writer, readerAt(s3.url), { bucket: 'bkt', prefix: '' }, 'planet');
    expect(await rejection(launchOnce({ ...world, records }, 'planet', WISH))).toMatchObject({
      code: 'launch-not-written',
      subject: 's3://bkt/operations/launch-planet-one.json',
      reason: expect.stringContaining('nothing was launched'),
    });
    writer.close();
    expect(cloud.log).toEqual([]);
  });

  it('that cannot be deleted are told of, and the launch is one all the same', async () => {
    world.records.remove = () => Promise.reject(new Error('no'));
    expect(await launchOnce(world, 'planet', WISH)).toHaveLength(1);
    expect(said.at(-1)).toMatch(/launch-planet-one\.json: cannot be deleted \(Error\)/);
  });
});

describe('the digest of a wish', () => {
  it('is of all of it but the token, in the order of the call', () => {
    const again = { ...WISH, token: 'two' };
    expect(wishDigest(again)).toBe(DIGEST);
    const others: Partial<LaunchWish>[] = [
      { count: 2 },
      { like: { imageId: 'ami-1' } },
      { template: 'planet' },
      { userData: Buffer.from('#!/bin/sh\n:\n') },
      { userData: undefined },
      { tags: { Name: 'planet', more: '' } },
    ];
    const all = [DIGEST, ...others.map((more) => wishDigest({ ...WISH, ...more }))];
    expect(new Set(all).size).toBe(all.length);
  });
});
