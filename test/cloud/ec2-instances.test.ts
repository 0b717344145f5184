import {
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  type EC2Client,
  GetConsoleOutputCommand,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HauloutError } from '../../src/lib/errors.ts';
import { type RunningEc2, startEc2 } from '../support/ec2.ts';

let ec2: RunningEc2;
let client: EC2Client;

beforeEach(async () => {
  ec2 = await startEc2();
  ({ client } = ec2);
});
afterEach(() => ec2.close());

const SCRIPT = Buffer.from('#!/bin/sh\necho hello\n');
const ORDER: RunInstancesCommandInput = {
  ImageId: 'ami-0123456789abcdef0',
  InstanceType: 't3.micro',
  MinCount: 1,
  MaxCount: 1,
  UserData: SCRIPT.toString('base64'),
};

/** The ids of a reservation with as many as wanted. */
async function run(more: Partial<RunInstancesCommandInput> = {}): Promise<string[]> {
  const { Instances = [] } = await client.send(new RunInstancesCommand({ ...ORDER, ...more }));
  return Instances.map(({ InstanceId }) => InstanceId!);
}

async function state(id: string): Promise<string | undefined> {
  return (await instance(id)).State?.Name;
}

async function instance(id: string) {
  const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations![0]!.Instances![0]!;
}

const refusal = (code: string) => expect.objectContaining({ name: code });

describe('RunInstances', () => {
  it('answers at once; the instance is pending, then running', async () => {
    ec2.hosts.launchMs = 300;
    const { Instances, ReservationId, OwnerId } = await client.send(new RunInstancesCommand(ORDER));
    expect(ReservationId).toMatch(/^r-0[0-9a-f]{16}$/);
    expect(OwnerId).toBe('123456789012');
    expect(Instances).toHaveLength(1);
    expect(Instances![0]).toMatchObject({
      InstanceId: expect.stringMatching(/^i-0[0-9a-f]{16}$/),
      ImageId: ORDER.ImageId,
      InstanceType: 't3.micro',
      State: { Code: 0, Name: 'pending' },
      PrivateIpAddress: expect.stringMatching(/^10\.77\.0\.\d+$/),
      PrivateDnsName: expect.stringMatching(/^ip-10-77-0-\d+\.ec2\.internal$/),
      Placement: { AvailabilityZone: 'eu-west-1a' },
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, InstanceMetadataTags: 'disabled' },
    });
    const id = Instances![0]!.InstanceId!;
    await expect.poll(() => state(id)).toBe('running');
    expect(Buffer.from(ec2.hosts.launched[0]!.describe().userData!)).toEqual(SCRIPT);
  });

  it('launches as many as can be had, and at least MinCount', async () => {
    expect(await run({ MinCount: 2, MaxCount: 3 })).toHaveLength(3);
    expect(await run({ MinCount: 1, MaxCount: 1_000 })).toHaveLength(17);
    await expect(run()).rejects.toEqual(refusal('InstanceLimitExceeded'));
    await expect(run({ MinCount: 2, MaxCount: 1 })).rejects.toEqual(refusal('InvalidParameterValue'));
    await expect(run({ MinCount: 0 })).rejects.toEqual(refusal('InvalidParameterValue'));
  });

  it('launches no more than there are addresses, and says what else is wrong in words', async () => {
    const { allocate } = ec2.hosts;
    let left = 2;
    ec2.hosts.allocate = async (inUse) => {
      if (left-- > 0) return await allocate.call(ec2.hosts, inUse);
      throw new HauloutError({
        code: 'launch-refused',
        step: 'cloud',
        subject: 'all',
        reason: 'no more',
        hint: 'wait',
      });
    };
    expect(await run({ MaxCount: 5 })).toHaveLength(2);
    await expect(run()).rejects.toEqual(refusal('InsufficientInstanceCapacity'));
    ec2.hosts.allocate = async () => {
      throw new HauloutError({ code: 'x', step: 'cloud', subject: 'x', reason: 'it is broken', hint: 'mend it' });
    };
    await expect(run()).rejects.toMatchObject({
      name: 'InternalError',
      message: 'An internal error has occurred: it is broken. mend it',
    });
  });

  it('takes user-data of 16384 bytes after decoding, and no more', async () => {
    const exact = Buffer.alloc(16_384, 'x');
    await run({ UserData: exact.toString('base64') });
    await expect.poll(() => ec2.hosts.launched.length).toBe(1);
    expect(ec2.hosts.launched[0]!.describe().userData).toHaveLength(16_384);
    const more = Buffer.alloc(16_385, 'x').toString('base64');
    await expect(run({ UserData: more })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: expect.stringContaining('User data is limited to 16384 bytes'),
    });
    await expect(run({ UserData: '#!/bin/sh' })).rejects.toEqual(refusal('InvalidUserData.Malformed'));
  });

  it('takes a ClientToken for the request that it was first sent with', async () => {
    const order = { ClientToken: 'once', MinCount: 2, MaxCount: 2 };
    const [one, two] = await Promise.all([run(order), run(order)]);
    expect(two).toEqual(one);
    expect(await run(order)).toEqual(one);
    await expect(run({ ...order, UserData: '' })).rejects.toEqual(refusal('IdempotentParameterMismatch'));
    await client.send(new TerminateInstancesCommand({ InstanceIds: one }));
    expect(await run(order)).toEqual(one);
    const { Reservations } = await client.send(
      new DescribeInstancesCommand({ Filters: [{ Name: 'client-token', Values: ['once'] }] }),
    );
    expect(Reservations).toHaveLength(1);
    expect(await run({ ...order, ClientToken: 'Once' })).not.toEqual(one);
    await expect(run({ ClientToken: 'x'.repeat(65) })).rejects.toEqual(refusal('InvalidParameterValue'));
  });

  it('leaves the token of a request that failed unused', async () => {
    ec2.hosts.canRun = { ok: false, reason: 'instances need root', hint: 'use sudo' };
    await expect(run({ ClientToken: 'again' })).rejects.toMatchObject({
      name: 'UnsupportedOperation',
      message: 'instances need root. use sudo',
    });
    ec2.hosts.canRun = { ok: true };
    expect(await run({ ClientToken: 'again' })).toHaveLength(1);
  });

  it('tags what it launches, sets its metadata service, and shows a profile as its role', async () => {
    const ARN = 'arn:aws:iam::123456789012:instance-profile/planet';
    const [id] = await run({
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'web' }, { Key: 'empty' }] }],
      MetadataOptions: { HttpTokens: 'optional', HttpPutResponseHopLimit: 2, InstanceMetadataTags: 'enabled' },
      IamInstanceProfile: { Name: 'planet' },
      KeyName: 'mine',
    });
    expect(await instance(id!)).toMatchObject({
      Tags: [
        { Key: 'Name', Value: 'web' },
        { Key: 'empty', Value: '' },
      ],
      MetadataOptions: { HttpTokens: 'optional', HttpPutResponseHopLimit: 2, InstanceMetadataTags: 'enabled' },
      KeyName: 'mine',
      IamInstanceProfile: { Arn: ARN },
    });
    const { Reservations } = await client.send(
      new DescribeInstancesCommand({ Filters: [{ Name: 'iam-instance-profile.arn', Values: [ARN] }] }),
    );
    expect(Reservations).toHaveLength(1);
    const [alike] = await run({ IamInstanceProfile: { Arn: ARN } });
    expect((await instance(alike!)).IamInstanceProfile?.Arn).toBe(ARN);
    const [other] = await run({});
    expect((await instance(other!)).IamInstanceProfile).toBeUndefined();
    await expect.poll(() => ec2.hosts.launched.length).toBe(3);
    expect(ec2.hosts.launched[0]!.describe()).toMatchObject({
      tags: { Name: 'web', empty: '' },
      httpTokens: 'optional',
      metadataTags: true,
      roleName: 'planet',
    });
  });

  it('says which parameter it does not know, and which meaning it has not', async () => {
    await expect(run({ PrivateIpAddress: '10.77.0.99' })).rejects.toMatchObject({
      name: 'UnknownParameter',
      message: expect.stringContaining('PrivateIpAddress'),
    });
    await expect(run({ InstanceMarketOptions: { MarketType: 'spot' } })).rejects.toMatchObject({
      name: 'UnknownParameter',
      message: expect.stringContaining('InstanceMarketOptions.MarketType'),
    });
    await expect(run({ MetadataOptions: { HttpEndpoint: 'disabled' } })).rejects.toMatchObject({
      name: 'UnsupportedOperation',
      message: expect.stringContaining('HttpEndpoint=disabled'),
    });
    await expect(run({ DisableApiTermination: true })).rejects.toEqual(refusal('UnsupportedOperation'));
    await expect(
      run({ TagSpecifications: [{ ResourceType: 'volume', Tags: [{ Key: 'a', Value: 'b' }] }] }),
    ).rejects.toMatchObject({ name: 'UnsupportedOperation', message: expect.stringContaining('volume') });
    await expect(run({ ImageId: 'resolve:ssm:/x' })).rejects.toEqual(refusal('InvalidAMIID.Malformed'));
    await expect(run({ DryRun: true })).rejects.toEqual(refusal('DryRunOperation'));
    expect(ec2.hosts.launched).toEqual([]);
    await run({ SecurityGroupIds: ['sg-1'], SubnetId: 'subnet-1', EbsOptimized: true, DisableApiTermination: false });
  });

  it('an instance that cannot be had ends as terminated, and says why', async () => {
    ec2.hosts.fail = new Error('no room');
    const [id] = await run();
    await expect.poll(() => state(id!)).toBe('terminated');
    expect((await instance(id!)).StateReason).toEqual({ Code: 'Server.InternalError', Message: 'no room' });
    expect(ec2.hosts.disks.size).toBe(0);
  });
});

describe('DescribeInstances', () => {
  it('finds by id and by filter, with wildcards', async () => {
    const [web, other] = await run({
      MinCount: 2,
      MaxCount: 2,
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'we?b*' }] }],
    });
    const [last] = await run({ InstanceType: 'm5.large', ImageId: 'ami-00000001', KeyName: 'mine' });
    await expect.poll(() => state(last!)).toBe('running');
    const { ReservationId, PrivateIpAddress } = await client
      .send(new DescribeInstancesCommand({ InstanceIds: [last!] }))
      .then(({ Reservations }) => ({ ...Reservations![0], ...Reservations![0]!.Instances![0] }));
    const found = async (filters: Record<string, string[]>, ids?: string[]) => {
      const Filters = Object.entries(filters).map(([Name, Values]) => ({ Name, Values }));
      const answer = await client.send(new DescribeInstancesCommand({ Filters, ...(ids ? { InstanceIds: ids } : {}) }));
      return answer.Reservations!.flatMap(({ Instances }) => Instances!.map(({ InstanceId }) => InstanceId));
    };
    expect(await found({})).toEqual([web, other, last]);
    expect(await found({ 'instance-id': [web!, last!] })).toEqual([web, last]);
    expect(await found({ 'tag:Name': ['we\\?b\\*'] })).toEqual([web, other]);
    expect(await found({ 'tag:Name': ['w*'], 'launch-index': ['1'] })).toEqual([other]);
    expect(await found({ 'tag:Name': ['W*'] })).toEqual([]);
    expect(await found({ 'tag-key': ['N?me', 'none'] })).toEqual([web, other]);
    expect(await found({ 'tag:none': ['*'] })).toEqual([]);
    expect(await found({ 'instance-type': ['m5.*'] })).toEqual([last]);
    expect(await found({ 'instance-type': ['m5?large'] })).toEqual([last]);
    expect(await found({ 'instance-type': ['m5\\?large'] })).toEqual([]);
    expect(await found({ 'image-id': ['ami-00000001'] })).toEqual([last]);
    expect(await found({ 'reservation-id': [ReservationId!] })).toEqual([last]);
    expect(await found({ 'private-ip-address': [PrivateIpAddress!] })).toEqual([last]);
    expect(await found({ 'instance-state-name': ['running'], 'key-name': ['mine'] })).toEqual([last]);
    expect(await found({ 'instance-state-code': ['48'] })).toEqual([]);
    expect(await found({ 'instance-type': ['m5.large'] }, [web!])).toEqual([]);
    await expect(found({ 'vpc-id': ['vpc-1'] })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: "The filter 'vpc-id' is invalid",
    });
    await expect(found({}, ['i-0000000000000000f'])).rejects.toEqual(refusal('InvalidInstanceID.NotFound'));
    await expect(found({}, ['web'])).rejects.toEqual(refusal('InvalidInstanceID.Malformed'));
  });

  it('comes in pages that lose nothing', async () => {
    const ids = [...(await run({ MinCount: 4, MaxCount: 4 })), ...(await run({ MinCount: 8, MaxCount: 8 }))];
    const seen: (string | undefined)[] = [];
    let NextToken: string | undefined;
    let pages = 0;
    do {
      const page = await client.send(
        new DescribeInstancesCommand({ MaxResults: 5, ...(NextToken ? { NextToken } : {}) }),
      );
      seen.push(...page.Reservations!.flatMap(({ Instances }) => Instances!.map(({ InstanceId }) => InstanceId)));
      ({ NextToken } = page);
      pages++;
    } while (NextToken);
    expect(seen).toEqual(ids);
    expect(pages).toBe(3);
    const ask = (input: DescribeInstancesCommandInput) => client.send(new DescribeInstancesCommand(input));
    await expect(ask({ MaxResults: 4 })).rejects.toEqual(refusal('InvalidParameterValue'));
    await expect(ask({ MaxResults: 5, InstanceIds: ids })).rejects.toEqual(refusal('InvalidParameterCombination'));
    await expect(ask({ NextToken: 'made up' })).rejects.toEqual(refusal('InvalidNextToken'));
  });
});

describe('DescribeInstanceStatus', () => {
  it('tells of those that run, or of all', async () => {
    const [one, two] = await run({ MinCount: 2, MaxCount: 2 });
    await expect.poll(() => state(two!)).toBe('running');
    await client.send(new TerminateInstancesCommand({ InstanceIds: [one!] }));
    const { InstanceStatuses } = await client.send(new DescribeInstanceStatusCommand({}));
    expect(InstanceStatuses).toEqual([
      {
        InstanceId: two,
        AvailabilityZone: 'eu-west-1a',
        InstanceState: { Code: 16, Name: 'running' },
        InstanceStatus: { Status: 'ok', Details: [{ Name: 'reachability', Status: 'passed' }] },
        SystemStatus: { Status: 'ok', Details: [{ Name: 'reachability', Status: 'passed' }] },
      },
    ]);
    const all = await client.send(new DescribeInstanceStatusCommand({ IncludeAllInstances: true }));
    expect(all.InstanceStatuses!.map(({ InstanceStatus }) => InstanceStatus?.Status)).toEqual(['not-applicable', 'ok']);
    const ok = [{ Name: 'instance-status.status', Values: ['ok'] }];
    const filtered = await client.send(new DescribeInstanceStatusCommand({ IncludeAllInstances: true, Filters: ok }));
    expect(filtered.InstanceStatuses).toHaveLength(1);
  });
});

describe('TerminateInstances', () => {
  it('answers at once with both states, and again without harm', async () => {
    const [id] = await run();
    await expect.poll(() => state(id!)).toBe('running');
    const terminate = () => client.send(new TerminateInstancesCommand({ InstanceIds: [id!] }));
    expect((await terminate()).TerminatingInstances).toEqual([
      {
        InstanceId: id,
        PreviousState: { Code: 16, Name: 'running' },
        CurrentState: { Code: 32, Name: 'shutting-down' },
      },
    ]);
    await expect.poll(() => state(id!)).toBe('terminated');
    expect((await terminate()).TerminatingInstances![0]).toMatchObject({ CurrentState: { Name: 'terminated' } });
    expect(await instance(id!)).toMatchObject({ StateReason: { Code: 'Client.UserInitiatedShutdown' } });
    expect((await instance(id!)).PrivateIpAddress).toBeUndefined();
    expect(ec2.hosts.disks.size).toBe(0);
  });

  it('ends one that is still pending, and none when one is unknown', async () => {
    ec2.hosts.launchMs = 200;
    const [id] = await run();
    const ids = [id!, 'i-0000000000000000f'];
    await expect(client.send(new TerminateInstancesCommand({ InstanceIds: ids }))).rejects.toEqual(
      refusal('InvalidInstanceID.NotFound'),
    );
    expect(await state(id!)).toBe('pending');
    await client.send(new TerminateInstancesCommand({ InstanceIds: [id!] }));
    expect(await state(id!)).toBe('shutting-down');
    await expect.poll(() => state(id!)).toBe('terminated');
  });

  it('gives the instance its time, however that goes', async () => {
    let done: () => void = () => undefined;
    const asked: unknown[] = [];
    await ec2.close();
    ec2 = await startEc2({
      shutdown: async (box) => {
        asked.push(box);
        await new Promise<void>((resolve) => {
          done = resolve;
        });
        throw new Error('it did not work');
      },
    });
    ({ client } = ec2);
    const [id] = await run();
    await expect.poll(() => state(id!)).toBe('running');
    await client.send(new TerminateInstancesCommand({ InstanceIds: [id!] }));
    await expect.poll(() => asked.length).toBe(1);
    expect(await state(id!)).toBe('shutting-down');
    done();
    await expect.poll(() => state(id!)).toBe('terminated');
  });

  it('an instance that has ended is shown for a while only', async () => {
    await ec2.close();
    ec2 = await startEc2({ shownMs: 200 });
    ({ client } = ec2);
    const [id] = await run();
    await client.send(new TerminateInstancesCommand({ InstanceIds: [id!] }));
    await expect.poll(() => state(id!).catch(({ name }) => name)).toBe('InvalidInstanceID.NotFound');
  });
});

describe('GetConsoleOutput', () => {
  it('is the last 64 KB, and outlasts the instance', async () => {
    const [id] = await run();
    const output = async () => {
      const { Output = '' } = await client.send(new GetConsoleOutputCommand({ InstanceId: id! }));
      return Buffer.from(Output, 'base64').toString('utf8');
    };
    await expect.poll(() => ec2.hosts.launched.length).toBe(1);
    expect(await output()).toBe('');
    const { onConsole } = ec2.hosts.launched[0]!.options;
    onConsole!('hello \u00e4');
    expect(await output()).toBe('hello \u00e4\n');
    const lines = Array.from({ length: 10_000 }, (_, index) => `line ${index}`);
    for (const line of lines) onConsole!(line);
    await client.send(new TerminateInstancesCommand({ InstanceIds: [id!] }));
    await expect.poll(() => state(id!)).toBe('terminated');
    const last = await output();
    expect(last).toHaveLength(65_536);
    expect(`${lines.join('\n')}\n`.endsWith(last)).toBe(true);
  });
});
