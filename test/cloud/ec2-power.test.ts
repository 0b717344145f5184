import {
  DescribeInstancesCommand,
  type EC2Client,
  RebootInstancesCommand,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningEc2, startEc2 } from '../support/ec2.ts';

let ec2: RunningEc2;
let client: EC2Client;
/** For each machine that was given time to end its services: lets it. */
let shutdowns: (() => void)[];
let patient: boolean;

beforeEach(async () => {
  shutdowns = [];
  patient = false;
  ec2 = await startEc2({
    shutdown: () =>
      new Promise((resolve) => {
        shutdowns.push(resolve);
        if (!patient) resolve();
      }),
  });
  ({ client } = ec2);
});
afterEach(async () => {
  for (const over of shutdowns) over();
  await ec2.close();
});

async function running(more: Partial<RunInstancesCommandInput> = {}): Promise<string> {
  const order = { ImageId: 'ami-00000001', MinCount: 1, MaxCount: 1, ...more };
  const { Instances } = await client.send(new RunInstancesCommand(order));
  const id = Instances![0]!.InstanceId!;
  await until(id, 'running');
  return id;
}

async function instance(id: string) {
  const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations![0]!.Instances![0]!;
}

async function until(id: string, state: string): Promise<void> {
  await expect.poll(async () => (await instance(id)).State?.Name).toBe(state);
}

const stop = (id: string, more = {}) => client.send(new StopInstancesCommand({ InstanceIds: [id], ...more }));
const start = (id: string) => client.send(new StartInstancesCommand({ InstanceIds: [id] }));
const reboot = (id: string) => client.send(new RebootInstancesCommand({ InstanceIds: [id] }));
const terminate = (id: string) => client.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
const refusal = (code: string) => expect.objectContaining({ name: code });
const launches = () => ec2.hosts.launched.map(({ options }) => ({ keep: options.keep, again: options.again }));

describe('an instance that is stopped', () => {
  it('has had its time, keeps disk and address, and boots again from it', async () => {
    const id = await running();
    const before = await instance(id);
    patient = true;
    expect((await stop(id)).StoppingInstances).toEqual([
      { InstanceId: id, PreviousState: { Code: 16, Name: 'running' }, CurrentState: { Code: 64, Name: 'stopping' } },
    ]);
    await expect.poll(() => shutdowns.length).toBe(1);
    expect((await instance(id)).State?.Name).toBe('stopping');
    await expect(start(id)).rejects.toEqual(refusal('IncorrectInstanceState'));
    shutdowns[0]!();
    await until(id, 'stopped');
    expect(await instance(id)).toMatchObject({
      PrivateIpAddress: before.PrivateIpAddress,
      RootDeviceType: 'ebs',
      StateReason: { Code: 'Client.UserInitiatedShutdown' },
    });
    const other = await running();
    expect((await instance(other)).PrivateIpAddress).not.toBe(before.PrivateIpAddress);
    expect((await start(id)).StartingInstances).toMatchObject([
      { PreviousState: { Name: 'stopped' }, CurrentState: { Code: 0, Name: 'pending' } },
    ]);
    await until(id, 'running');
    const after = await instance(id);
    expect(after).toMatchObject({ PrivateIpAddress: before.PrivateIpAddress });
    expect(after.StateReason).toBeUndefined();
    expect(after.LaunchTime!.getTime()).toBeGreaterThan(before.LaunchTime!.getTime());
    expect(launches()).toEqual([
      { keep: `/disks/${id}`, again: undefined },
      { keep: `/disks/${other}`, again: undefined },
      { keep: `/disks/${id}`, again: true },
    ]);
  });

  it('may be told again, by force, and terminated', async () => {
    const id = await running();
    patient = true;
    await stop(id, { Force: true });
    await until(id, 'stopped');
    expect(shutdowns).toEqual([]);
    expect((await stop(id)).StoppingInstances).toMatchObject([{ CurrentState: { Name: 'stopped' } }]);
    await expect(stop(id, { Hibernate: true })).rejects.toEqual(refusal('UnsupportedOperation'));
    await terminate(id);
    await until(id, 'terminated');
    expect(ec2.hosts.disks.size).toBe(0);
    for (const change of [stop, start, reboot])
      await expect(change(id)).rejects.toEqual(refusal('IncorrectInstanceState'));
  });

  it('is terminated while it stops', async () => {
    const id = await running();
    patient = true;
    await stop(id);
    await expect.poll(() => shutdowns.length).toBe(1);
    await terminate(id);
    shutdowns[0]!();
    await until(id, 'terminated');
    expect(ec2.hosts.disks.size).toBe(0);
  });

  it('stays stopped when it cannot be started', async () => {
    const id = await running();
    await stop(id);
    await until(id, 'stopped');
    ec2.hosts.fail = new Error('no room');
    await start(id);
    await until(id, 'stopped');
    expect((await instance(id)).StateReason).toEqual({ Code: 'Server.InternalError', Message: 'no room' });
    ec2.hosts.fail = undefined;
    await start(id);
    await until(id, 'running');
  });

  it('must run first, and none is when one cannot be', async () => {
    const id = await running();
    ec2.hosts.launchMs = 300;
    const { Instances } = await client.send(
      new RunInstancesCommand({ ImageId: 'ami-00000001', MinCount: 1, MaxCount: 1 }),
    );
    const pending = Instances![0]!.InstanceId!;
    const both = new StopInstancesCommand({ InstanceIds: [id, pending] });
    await expect(client.send(both)).rejects.toEqual(refusal('IncorrectInstanceState'));
    expect((await instance(id)).State?.Name).toBe('running');
    await expect(reboot(pending)).rejects.toEqual(refusal('IncorrectInstanceState'));
    expect((await start(id)).StartingInstances).toMatchObject([{ CurrentState: { Name: 'running' } }]);
  });
});

describe('an instance that is rebooted', () => {
  it('runs all the while, and boots again from its disk', async () => {
    const id = await running();
    const before = await instance(id);
    await reboot(id);
    expect((await instance(id)).State?.Name).toBe('running');
    await expect.poll(launches).toEqual([
      { keep: `/disks/${id}`, again: undefined },
      { keep: `/disks/${id}`, again: true },
    ]);
    expect(shutdowns).toHaveLength(1);
    expect(await instance(id)).toEqual(before);
  });

  it('is terminated in the middle of it', async () => {
    const id = await running();
    patient = true;
    await reboot(id);
    await expect.poll(() => shutdowns.length).toBe(1);
    await terminate(id);
    shutdowns[0]!();
    await until(id, 'terminated');
    expect(launches()).toHaveLength(1);
  });
});

describe('an instance that goes down by itself', () => {
  it('is stopped, or terminated if that was asked for', async () => {
    const one = await running();
    const two = await running({ InstanceInitiatedShutdownBehavior: 'terminate' });
    ec2.hosts.pullPlug(one);
    ec2.hosts.pullPlug(two);
    await until(one, 'stopped');
    await until(two, 'terminated');
    expect((await instance(one)).StateReason?.Code).toBe('Client.InstanceInitiatedShutdown');
    expect(shutdowns).toEqual([]);
    await start(one);
    await until(one, 'running');
  });
});

describe('an instance without a disk of its own', () => {
  it('is not stopped and not rebooted', async () => {
    ec2.hosts.makeDisk = async () => undefined;
    const id = await running();
    expect((await instance(id)).RootDeviceType).toBe('instance-store');
    for (const change of [stop, reboot]) {
      await expect(change(id)).rejects.toMatchObject({
        name: 'UnsupportedOperation',
        message: expect.stringContaining("does not have an 'ebs' root device type"),
      });
    }
    ec2.hosts.pullPlug(id);
    await until(id, 'terminated');
  });
});
