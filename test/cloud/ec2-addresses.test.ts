import net from 'node:net';
import { join } from 'node:path';
import {
  AllocateAddressCommand,
  AssociateAddressCommand,
  type AssociateAddressCommandInput,
  DescribeAddressesCommand,
  DescribeInstancesCommand,
  DisassociateAddressCommand,
  type EC2Client,
  ReleaseAddressCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Door } from '../../src/cloud/ec2/door.ts';
import { reserveAddress } from '../../src/cloud/ec2/loopback.ts';
import { type RunningEc2, startEc2 } from '../support/ec2.ts';
import { scratch } from '../support/scratch.ts';

const PORT = 4_781;
let ec2: RunningEc2;
let client: EC2Client;

beforeEach(async () => {
  ec2 = await startEc2({ addressPorts: [PORT] });
  ({ client } = ec2);
});
afterEach(() => ec2.close());

async function running(): Promise<string> {
  const order = { ImageId: 'ami-00000001', MinCount: 1, MaxCount: 1 };
  const { Instances } = await client.send(new RunInstancesCommand(order));
  const id = Instances![0]!.InstanceId!;
  await expect.poll(() => publicAddress(id).then(({ State }) => State?.Name)).toBe('running');
  return id;
}

async function publicAddress(id: string) {
  const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations![0]!.Instances![0]!;
}

async function allocate(): Promise<{ id: string; ip: string }> {
  const { AllocationId, PublicIp } = await client.send(new AllocateAddressCommand({ Domain: 'vpc' }));
  return { id: AllocationId!, ip: PublicIp! };
}

async function associate(input: AssociateAddressCommandInput): Promise<string> {
  return (await client.send(new AssociateAddressCommand(input))).AssociationId!;
}

async function addresses(input: ConstructorParameters<typeof DescribeAddressesCommand>[0] = {}) {
  return (await client.send(new DescribeAddressesCommand(input))).Addresses!;
}

const refusal = (code: string) => expect.objectContaining({ name: code });

function connect(address: string, port = PORT): Promise<net.Socket> {
  const socket = net.connect({ host: address, port });
  onTestFinished(() => void socket.destroy());
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => resolve(socket));
  });
}

describe('elastic IPs', () => {
  it('are loopback addresses, allocated, described and released', async () => {
    const answer = await client.send(new AllocateAddressCommand({ Domain: 'vpc' }));
    expect(answer).toMatchObject({
      PublicIp: expect.stringMatching(/^127\.77\.\d+\.\d+$/),
      AllocationId: expect.stringMatching(/^eipalloc-0[0-9a-f]{16}$/),
      Domain: 'vpc',
    });
    const one = { id: answer.AllocationId!, ip: answer.PublicIp! };
    const two = await allocate();
    expect((await addresses()).map(({ PublicIp }) => PublicIp)).toEqual([one.ip, two.ip]);
    expect(await addresses({ PublicIps: [two.ip] })).toMatchObject([{ AllocationId: two.id }]);
    expect(await addresses({ AllocationIds: [one.id] })).toMatchObject([{ PublicIp: one.ip, InstanceId: '' }]);
    expect(await addresses({ Filters: [{ Name: 'public-ip', Values: [one.ip] }] })).toHaveLength(1);
    await client.send(new ReleaseAddressCommand({ AllocationId: one.id }));
    await client.send(new ReleaseAddressCommand({ PublicIp: two.ip }));
    expect(await addresses()).toEqual([]);
    await expect(addresses({ PublicIps: [one.ip] })).rejects.toEqual(refusal('InvalidAddress.NotFound'));
    await expect(addresses({ AllocationIds: [one.id] })).rejects.toEqual(refusal('InvalidAllocationID.NotFound'));
    const again = client.send(new ReleaseAddressCommand({ AllocationId: one.id }));
    await expect(again).rejects.toEqual(refusal('InvalidAllocationID.NotFound'));
  });

  it('are five at most', async () => {
    const all = await Promise.all([1, 2, 3, 4, 5].map(() => allocate()));
    expect(new Set(all.map(({ ip }) => ip)).size).toBe(5);
    await expect(allocate()).rejects.toEqual(refusal('AddressLimitExceeded'));
  });

  it('go to an instance by allocation and by address, and from it by association and by address', async () => {
    const id = await running();
    const { id: AllocationId, ip: PublicIp } = await allocate();
    const AssociationId = await associate({ InstanceId: id, AllocationId });
    expect(AssociationId).toMatch(/^eipassoc-0[0-9a-f]{16}$/);
    const shown = await publicAddress(id);
    expect(shown.PublicIpAddress).toBe(PublicIp);
    expect(await addresses()).toMatchObject([
      { PublicIp, AllocationId, AssociationId, InstanceId: id, PrivateIpAddress: shown.PrivateIpAddress },
    ]);
    expect(ec2.hosts.launched[0]!.describe().publicIpv4).toBe(PublicIp);
    const byAddress = [{ Name: 'ip-address', Values: [PublicIp] }];
    expect((await client.send(new DescribeInstancesCommand({ Filters: byAddress }))).Reservations).toHaveLength(1);
    expect(await associate({ InstanceId: id, PublicIp })).toBe(AssociationId);
    const release = client.send(new ReleaseAddressCommand({ AllocationId }));
    await expect(release).rejects.toEqual(refusal('InvalidIPAddress.InUse'));
    await client.send(new DisassociateAddressCommand({ AssociationId }));
    expect(await addresses()).toMatchObject([{ PublicIp, InstanceId: '' }]);
    expect(ec2.hosts.launched[0]!.describe()).not.toHaveProperty('publicIpv4');
    await expect(client.send(new DisassociateAddressCommand({ AssociationId }))).rejects.toEqual(
      refusal('InvalidAssociationID.NotFound'),
    );
    const next = await associate({ InstanceId: id, PublicIp });
    expect(next).not.toBe(AssociationId);
    await client.send(new DisassociateAddressCommand({ PublicIp }));
    await client.send(new DisassociateAddressCommand({ PublicIp }));
    await client.send(new ReleaseAddressCommand({ PublicIp }));
  });

  it('move to another instance unless that is forbidden; the one it had stays allocated', async () => {
    const [one, two] = [await running(), await running()];
    const [first, second] = [await allocate(), await allocate()];
    const before = await associate({ InstanceId: one, AllocationId: first.id });
    await associate({ InstanceId: two, AllocationId: second.id });
    await expect(
      associate({ InstanceId: two, AllocationId: first.id, AllowReassociation: false }),
    ).rejects.toMatchObject({ name: 'Resource.AlreadyAssociated', message: expect.stringContaining(before) });
    expect((await publicAddress(two)).PublicIpAddress).toBe(second.ip);
    await associate({ InstanceId: two, AllocationId: first.id });
    expect((await publicAddress(one)).PublicIpAddress).toBeUndefined();
    expect((await publicAddress(two)).PublicIpAddress).toBe(first.ip);
    expect(await addresses({ AllocationIds: [second.id] })).toMatchObject([{ PublicIp: second.ip, InstanceId: '' }]);
  });

  it('go to running instances only, and are freed when theirs is terminated', async () => {
    const { id: AllocationId, ip } = await allocate();
    ec2.hosts.launchMs = 300;
    const order = { ImageId: 'ami-00000001', MinCount: 1, MaxCount: 1 };
    const { Instances } = await client.send(new RunInstancesCommand(order));
    const id = Instances![0]!.InstanceId!;
    await expect(associate({ InstanceId: id, AllocationId })).rejects.toEqual(refusal('IncorrectInstanceState'));
    await expect.poll(() => publicAddress(id).then(({ State }) => State?.Name)).toBe('running');
    await associate({ InstanceId: id, AllocationId });
    await client.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    await expect.poll(() => publicAddress(id).then(({ State }) => State?.Name)).toBe('terminated');
    expect(await addresses()).toMatchObject([{ PublicIp: ip, InstanceId: '' }]);
    await expect(connect(ip)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(associate({ InstanceId: id, AllocationId })).rejects.toEqual(refusal('IncorrectInstanceState'));
    await expect(associate({ InstanceId: 'i-0000000000000000f', AllocationId })).rejects.toEqual(
      refusal('InvalidInstanceID.NotFound'),
    );
  });

  it('are named by one of the two words, not by both or none', async () => {
    const { id: AllocationId, ip: PublicIp } = await allocate();
    const InstanceId = await running();
    await expect(associate({ InstanceId, AllocationId, PublicIp })).rejects.toEqual(
      refusal('InvalidParameterCombination'),
    );
    await expect(associate({ InstanceId })).rejects.toEqual(refusal('MissingParameter'));
    await expect(associate({ AllocationId })).rejects.toEqual(refusal('MissingParameter'));
    await expect(associate({ AllocationId, NetworkInterfaceId: 'eni-1' })).rejects.toMatchObject({
      name: 'UnknownParameter',
      message: expect.stringContaining('NetworkInterfaceId'),
    });
  });

  it('lead nowhere when a port was taken meanwhile, and say so', async () => {
    const id = await running();
    const { id: AllocationId, ip } = await allocate();
    const other = net.createServer();
    await new Promise<void>((resolve) => other.listen(PORT, ip, resolve));
    onTestFinished(() => void other.close());
    await expect(associate({ InstanceId: id, AllocationId })).rejects.toMatchObject({
      name: 'InsufficientAddressCapacity',
      message: expect.stringContaining(`port ${PORT} of ${ip} cannot be had (EADDRINUSE)`),
    });
    expect(await addresses()).toMatchObject([{ PublicIp: ip, InstanceId: '' }]);
    await new Promise((resolve) => other.close(resolve));
    await associate({ InstanceId: id, AllocationId });
  });

  it('of two clouds are never the same, and none is given where a port cannot be had', async () => {
    const { address, release } = await reserveAddress([PORT]);
    onTestFinished(release);
    expect(address).toMatch(/^127\.77\./);
    const everywhere = net.createServer();
    const port = await new Promise<number>((resolve) =>
      everywhere.listen(0, '0.0.0.0', () => resolve((everywhere.address() as net.AddressInfo).port)),
    );
    onTestFinished(() => void everywhere.close());
    await expect(reserveAddress([port])).rejects.toMatchObject({
      code: 'InsufficientAddressCapacity',
      message: expect.stringContaining(`port ${port} of a loopback address cannot be had (EADDRINUSE)`),
    });
  });
});

describe('the door of an address', () => {
  /** A unix socket that says its name to whoever comes, and keeps the connection. */
  async function behind(name: string): Promise<string> {
    const path = join(scratch(), 'socket');
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(name);
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    onTestFinished(() => void server.close());
    return path;
  }

  const word = (socket: net.Socket) =>
    new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));

  it('is closed, leads to one, at once to another, and is closed again', async () => {
    const { address, release } = await reserveAddress([PORT]);
    const door = new Door(address, [PORT]);
    onTestFinished(async () => {
      await door.close();
      await release();
    });
    await expect(connect(address)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const [one, two] = [await behind('one'), await behind('two')];
    await door.lead(async () => one);
    const first = await connect(address);
    expect(await word(first)).toBe('one');
    const over = new Promise<void>((resolve) => first.once('close', () => resolve()));
    await door.lead(async () => two);
    await over;
    const second = await connect(address);
    expect(await word(second)).toBe('two');
    const hungUp = new Promise<void>((resolve) => second.once('close', () => resolve()));
    door.hangUp();
    await hungUp;
    const third = await connect(address);
    expect(await word(third)).toBe('two');
    const gone = new Promise<void>((resolve) => third.once('close', () => resolve()));
    await door.close();
    await gone;
    await expect(connect(address)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('what cannot be reached behind it is a connection that ends', async () => {
    const { address, release } = await reserveAddress([PORT]);
    const door = new Door(address, [PORT]);
    onTestFinished(async () => {
      await door.close();
      await release();
    });
    await door.lead(() => Promise.reject(new Error('there is no machine')));
    const socket = await connect(address);
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  });
});
