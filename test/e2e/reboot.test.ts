import { join } from 'node:path';
import * as sdk from '@aws-sdk/client-ec2';
import { afterAll, expect, it } from 'vitest';
import { LocalCloud } from '../../src/cloud/local.ts';
import { describeWith, root } from '../support/needs.ts';
import { BUCKET, dist, put, userData } from '../support/role.ts';
import { TINY } from '../support/role-files.ts';
import { eventually } from '../support/scratch.ts';

const PORT = 8080;

/** A whole life by EC2 requests: nothing is done to the machine but what a cloud can do. */
describeWith([root], 'an instance that is rebooted, stopped and started', () => {
  let cloud: LocalCloud | undefined;
  afterAll(() => cloud?.close());

  it('is as its bucket wants it after each boot, and its script has run once', async () => {
    const override = '[haulout]\nschedule = 0 0 1 1 *\nsplay = 0s\nupgrade = never\n';
    cloud = await LocalCloud.open({
      gatewayScript: join(dist, 'gateway.mjs'),
      addressPorts: [PORT],
      launchOptions: () => ({ files: { '/etc/haulout/haulout.ini': { content: override, mode: 0o644 } } }),
    });
    cloud.s3.createBucket(BUCKET);
    for (const [path, content] of Object.entries(TINY)) await put(cloud, path, content);
    const { accessKeyId, secretAccessKey, ec2Endpoint: endpoint, region } = cloud;
    const client = new sdk.EC2Client({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
    const script = await userData(cloud, {});
    const launch = {
      ImageId: 'ami-12345678',
      MinCount: 1,
      MaxCount: 1,
      UserData: Buffer.from(script).toString('base64'),
    };
    const { Instances } = await client.send(new sdk.RunInstancesCommand(launch));
    const InstanceId = Instances![0]!.InstanceId!;
    const one = { InstanceIds: [InstanceId] };
    const inState = async (state: string) => {
      const is = async () => {
        const { Reservations } = await client.send(new sdk.DescribeInstancesCommand(one));
        return Reservations![0]!.Instances![0]!.State?.Name === state;
      };
      expect(await eventually(is, 60_000), state).toBe(true);
    };
    await inState('running');
    const { AllocationId, PublicIp } = await client.send(new sdk.AllocateAddressCommand({}));
    await client.send(new sdk.AssociateAddressCommand({ InstanceId, AllocationId }));
    const says = async (words: string) => {
      const look = async () => {
        const answer = await fetch(`http://${PublicIp}:${PORT}/`, { signal: AbortSignal.timeout(5_000) });
        return (await answer.text()) === words;
      };
      expect(await eventually(() => look().catch(() => false), 60_000), words).toBe(true);
    };
    await says('one\n');

    const machine = () => cloud!.machine(InstanceId)!;
    const first = machine().pid;
    await client.send(new sdk.RebootInstancesCommand(one));
    expect(await eventually(() => machine().pid !== first, 120_000)).toBe(true);
    await says('one\n');

    await client.send(new sdk.StopInstancesCommand(one));
    await inState('stopped');
    await put(cloud, 'root/srv/hello.txt', 'two\n');
    await client.send(new sdk.StartInstancesCommand(one));
    await inState('running');
    await says('two\n');
    const output = await client.send(new sdk.GetConsoleOutputCommand({ InstanceId }));
    const console = Buffer.from(output.Output!, 'base64').toString('utf8');
    expect(console.match(/haulout: the agent runs/g)).toHaveLength(1);
    client.destroy();
  }, 240_000);
});
