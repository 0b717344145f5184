import {
  AllocateAddressCommand,
  AssociateAddressCommand,
  DescribeAddressesCommand,
  DescribeInstancesCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Ec2Faults } from '../../src/cloud/ec2/faults.ts';
import { haulout } from '../support/cli.ts';
import { type RunningEc2, startEc2 } from '../support/ec2.ts';
import { statusOf } from '../support/fleet.ts';
import { s3ForTest } from '../support/readers.ts';
import { KEY, REGION } from '../support/s3.ts';

const WHERE = ['--state', 's3://bkt/.haulout', '--role', 'planet', '--hold', '0s', '--timeout', '20s'];

/** An instance with an address, by what EC2 says of it alone, and the desk. */
async function ground(options: Parameters<typeof startEc2>[0] = {}) {
  const s3 = await s3ForTest();
  const ec2 = await startEc2(options);
  onTestFinished(() => ec2.close());
  const { client } = ec2;
  const order = { ImageId: 'ami-00000001', MinCount: 1, MaxCount: 1, UserData: Buffer.from('#!').toString('base64') };
  const old = (await client.send(new RunInstancesCommand(order))).Instances![0]!.InstanceId!;
  await expect.poll(() => instances(ec2)).toEqual({ [old]: 'running' });
  const { AllocationId } = await client.send(new AllocateAddressCommand({ Domain: 'vpc' }));
  await client.send(new AssociateAddressCommand({ AllocationId, InstanceId: old }));
  const env = {
    AWS_ACCESS_KEY_ID: KEY.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEY.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ENDPOINT_URL_EC2: ec2.url,
    AWS_REGION: REGION,
  };
  const run = (...words: string[]) => haulout([...words, ...WHERE], { env });
  const key = `.haulout/operations/swap-${old}.json`;
  const journal = async () => JSON.parse(String((await s3.endpoint.get('bkt', key, 1e6)) ?? '{}')) as { step?: string };
  /** A new instance says that it is well, as soon as it runs. */
  const wellWhenLaunched = async () => {
    for (;;) {
      const fresh = Object.keys(await instances(ec2)).find((id) => id !== old);
      const status = JSON.stringify({ ...statusOf(fresh ?? old), instanceId: fresh, role: 'planet' });
      if (fresh)
        return s3.endpoint.put('bkt', `.haulout/instances/planet/${fresh}.json`, { bytes: Buffer.from(status) });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return { ec2, old, run, journal, wellWhenLaunched };
}

async function instances({ client }: RunningEc2): Promise<Record<string, string | undefined>> {
  const { Reservations = [] } = await client.send(new DescribeInstancesCommand({}));
  const found = Reservations.flatMap(({ Instances = [] }) => Instances);
  return Object.fromEntries(found.map(({ InstanceId = '', State }) => [InstanceId, State?.Name]));
}

async function holder({ client }: RunningEc2): Promise<string | undefined> {
  return (await client.send(new DescribeAddressesCommand({}))).Addresses?.[0]?.InstanceId;
}

it('--back where nothing was begun begins nothing', async () => {
  const { ec2, old, run } = await ground();
  const { code, stderr } = await run('swap', old, '--back', '--probe', 'none');
  expect([code, stderr]).toEqual([64, expect.stringContaining('no swap of it is under way')]);
  expect([await instances(ec2), await holder(ec2)]).toEqual([{ [old]: 'running' }, old]);
}, 60_000);

it('a launch that EC2 refuses is over, and what is asked for the next time is another', async () => {
  const { ec2, old, run, journal, wellWhenLaunched } = await ground();
  const refused = await run('swap', old, '--image-id', 'ami-typo', '--probe', 'none');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('InvalidAMIID.Malformed')]);
  expect(refused.stderr).toContain('nothing was launched');
  expect([await instances(ec2), await holder(ec2)]).toEqual([{ [old]: 'running' }, old]);
  expect(await journal()).toMatchObject({ step: 'undone' });
  const [done] = await Promise.all([
    run('swap', old, '--image-id', 'ami-00000002', '--probe', 'none'),
    wellWhenLaunched(),
  ]);
  expect(done.code, done.stderr).toBe(0);
}, 60_000);

describe('cut off in the launch', () => {
  it.each([
    ['with an instance', 'after'],
    ['without one', 'before'],
  ] as const)(
    '%s, --back ends with the old one, and nothing else',
    async (_, moment) => {
      let isLost = false;
      const faults: Ec2Faults = (request) =>
        isLost && request.action === 'RunInstances' && request.moment === moment
          ? { status: 500, code: 'InternalError' }
          : undefined;
      const { ec2, old, run, journal } = await ground({ faults });
      isLost = true;
      const cut = await run('swap', old, '--probe', 'none');
      expect(cut.code, cut.stderr).toBe(1);
      expect(await journal()).toMatchObject({ step: 'launch' });
      expect(Object.keys(await instances(ec2))).toHaveLength(moment === 'after' ? 2 : 1);
      isLost = false;
      const back = await run('swap', old, '--back', '--probe', 'none');
      expect([back.code, back.stderr]).toEqual([1, expect.stringContaining('it was asked to go back')]);
      const { [old]: state, ...others } = await instances(ec2);
      expect([state, Object.values(others), await holder(ec2)]).toEqual([
        'running',
        moment === 'after' ? ['terminated'] : [],
        old,
      ]);
    },
    90_000,
  );
});

it('that goes on with other words than it was begun with says so, or takes them', async () => {
  let isLost = false;
  const faults: Ec2Faults = ({ action, moment }) =>
    isLost && action === 'RunInstances' && moment === 'after' ? { status: 500, code: 'InternalError' } : undefined;
  const { ec2, old, run, journal, wellWhenLaunched } = await ground({ faults });
  isLost = true;
  expect((await run('swap', old, '--probe', 'tcp:9')).code).toBe(1);
  isLost = false;
  const other = await run('swap', old, '--image-id', 'ami-00000002');
  expect([other.code, other.stderr]).toEqual([
    64,
    expect.stringContaining('--image-id: this swap was begun with another'),
  ]);
  expect([Object.keys(await instances(ec2)).length, await holder(ec2)]).toEqual([2, old]);
  const [{ code, stderr }] = await Promise.all([run('swap', old, '--probe', 'none'), wellWhenLaunched()]);
  expect(code, stderr).toBe(0);
  expect(await journal()).toMatchObject({ step: 'done', probe: 'none' });
}, 60_000);

it('asked for once more when it is done says how it ended, and launches nothing', async () => {
  const { ec2, old, run, wellWhenLaunched } = await ground();
  const [first] = await Promise.all([run('replace', old), wellWhenLaunched()]);
  expect(first.code, first.stderr).toBe(0);
  const again = await run('replace', old);
  expect([again.code, again.stderr]).toEqual([0, expect.stringMatching(/done: i-\w+ is in the place of/)]);
  expect(Object.values(await instances(ec2)).sort()).toEqual(['running', 'terminated']);
  expect((await run('replace', old, '--back')).code).toBe(64);
}, 60_000);

it('an old instance that is protected against its end is named as such, and is ended when it is not any more', async () => {
  let isProtected = true;
  const faults: Ec2Faults = ({ action }) =>
    isProtected && action === 'TerminateInstances' ? { status: 400, code: 'OperationNotPermitted' } : undefined;
  const { old, run, wellWhenLaunched } = await ground({ faults });
  const [refused] = await Promise.all([run('swap', old, '--probe', 'none'), wellWhenLaunched()]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('--no-disable-api-termination')]);
  isProtected = false;
  const { code, stderr } = await run('swap', old, '--probe', 'none');
  expect([code, stderr]).toEqual([0, expect.stringContaining('goes on where it was: retire')]);
}, 60_000);

describe('a new instance that goes down after it was well', () => {
  it.each([
    ['before the address is moved', 'DescribeAddresses', 2],
    ['after the address was moved', 'DescribeAddresses', 3],
  ] as const)(
    '%s, is not what the old one ends for',
    async (_, at, time) => {
      let count = 0;
      let pull = () => {};
      const faults: Ec2Faults = ({ action, moment }) => {
        if (action === at && moment === 'before' && ++count === time) pull();
        return undefined;
      };
      const { ec2, old, run, wellWhenLaunched } = await ground({ faults });
      pull = () => ec2.hosts.pullPlug(ec2.hosts.launched.at(-1)!.describe().instanceId);
      const [{ code, stderr }] = await Promise.all([run('swap', old, '--probe', 'none'), wellWhenLaunched()]);
      expect([code, stderr]).toEqual([1, expect.stringContaining(`went back: ${old} is where it was`)]);
      const { [old]: state, ...others } = await instances(ec2);
      expect([state, Object.values(others), await holder(ec2)]).toEqual(['running', ['terminated'], old]);
    },
    60_000,
  );
});

it('is refused for an instance of an Auto Scaling group, which would launch one more in its place', async () => {
  const { ec2, run } = await ground();
  const order = {
    imageId: 'ami-00000001',
    instanceType: 't3.micro',
    whenDown: 'terminate',
    outlasting: false,
  } as const;
  const metadata = { httpTokens: 'required', hopLimit: 1, tags: true } as const;
  const member = { ...order, metadata, userData: Buffer.from('#!'), launchOptions: () => ({}) };
  const { instanceId } = await ec2.endpoint.launch(member, { 'aws:autoscaling:groupName': 'planet' });
  for (const command of ['swap', 'replace']) {
    const { code, stderr } = await run(command, instanceId);
    expect(code).toBe(1);
    expect(stderr).toContain('the Auto Scaling group planet');
    expect(stderr).toContain(`terminate-instance-in-auto-scaling-group --instance-id ${instanceId}`);
  }
  expect(Object.keys(await instances(ec2))).toHaveLength(2);
});
