import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import * as sdk from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CREDENTIALS, type RunningEc2, startEc2 } from '../support/ec2.ts';
import { describeWith, program } from '../support/needs.ts';
import { REGION } from '../support/s3.ts';
import { eventually } from '../support/scratch.ts';

/**
 * The same requests to this endpoint and to moto's, which is another hand's reading of EC2: what this one answers, that one must
 * know, with the same kind of value, and both must refuse with the same code. Where they differ is listed here, with the reason.
 */
const moto = program('moto_server', "pip install 'moto[server,ec2]'");

/** Fields that moto does not tell; the SDK knows them, and Amazon tells them. */
const OURS_ALONE = [
  'AllocateAddress.NetworkBorderGroup string',
  'AllocateAddress.PublicIpv4Pool string',
  'DescribeAddresses.Addresses[].NetworkBorderGroup string',
  'DescribeAddresses.Addresses[].PublicIpv4Pool string',
  'ModifyInstanceMetadataOptions.InstanceMetadataOptions.HttpEndpoint string',
  'ModifyInstanceMetadataOptions.InstanceMetadataOptions.HttpProtocolIpv6 string',
  'ModifyInstanceMetadataOptions.InstanceMetadataOptions.InstanceMetadataTags string',
];

/** What moto lets pass, or has no code for (`Error`), and Amazon refuses. */
const THEIRS_OTHERWISE = {
  'a filter that there is not': 'Error',
  'a launch from a template that is unknown': 'Error',
  'a launch without an image': 'done',
  'a release of an address in use': 'done',
  'a start of the dead': 'done',
  'a stop of the dead': 'done',
  "a tag in Amazon's name": 'done',
  'a tag of an instance that is unknown': 'done',
  'a tag that is too long': 'done',
  'a template that is unknown': 'done',
};

describeWith([moto], 'a second opinion: moto', () => {
  let ec2: RunningEc2;
  let theirs: sdk.EC2Client;
  let server: ChildProcess;

  beforeAll(async () => {
    ec2 = await startEc2();
    const port = await freePort();
    server = spawn(moto.path, ['-p', String(port)], { stdio: 'ignore' });
    const endpoint = `http://127.0.0.1:${port}`;
    theirs = new sdk.EC2Client({ endpoint, region: REGION, credentials: CREDENTIALS, maxAttempts: 1 });
    const answers = () =>
      fetch(endpoint).then(
        () => true,
        () => false,
      );
    expect(await eventually(answers, 30_000)).toBe(true);
  }, 60_000);
  afterAll(async () => {
    theirs?.destroy();
    if (server?.exitCode === null) {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
    await ec2?.close();
  });

  it('knows every field that is answered here', async () => {
    const [ours, other] = [fieldsOf(await life(ec2.client)), new Set(fieldsOf(await life(theirs)))];
    const alone = new Set(ours.filter((field) => !other.has(field)).map((field) => field.slice(1)));
    expect([...alone].sort()).toEqual(OURS_ALONE);
  }, 60_000);

  it('refuses with the same code', async () => {
    const [ours, other] = [await refusals(ec2.client), await refusals(theirs)];
    expect(Object.values(ours)).not.toContain('done');
    const different = Object.keys(ours).filter((name) => ours[name] !== other[name]);
    expect(Object.fromEntries(different.map((name) => [name, other[name]]))).toEqual(THEIRS_OTHERWISE);
  }, 60_000);
});

const LAUNCH = {
  InstanceType: 't3.micro',
  MinCount: 1,
  MaxCount: 1,
  UserData: Buffer.from('#!/bin/sh\n').toString('base64'),
} as const;

/** One instance with all that can be done to it, and what each request was answered. */
async function life(client: sdk.EC2Client): Promise<Record<string, object>> {
  const tags = [{ ResourceType: 'instance' as const, Tags: [{ Key: 'Name', Value: 'web' }] }];
  const launch = { ...LAUNCH, ImageId: await imageOf(client), TagSpecifications: tags };
  const RunInstances = await client.send(new sdk.RunInstancesCommand(launch));
  const InstanceId = RunInstances.Instances![0]!.InstanceId!;
  const one = { InstanceIds: [InstanceId] };
  await inState(client, InstanceId, 'running');
  const AllocateAddress = await client.send(new sdk.AllocateAddressCommand({ Domain: 'vpc' }));
  const { AllocationId } = AllocateAddress;
  const AssociateAddress = await client.send(
    new sdk.AssociateAddressCommand({ InstanceId, AllocationId, AllowReassociation: true }),
  );
  const { AssociationId } = AssociateAddress;
  const answers = {
    RunInstances,
    AllocateAddress,
    AssociateAddress,
    DescribeInstances: await client.send(new sdk.DescribeInstancesCommand(one)),
    DescribeInstanceStatus: await client.send(new sdk.DescribeInstanceStatusCommand(one)),
    DescribeAddresses: await client.send(new sdk.DescribeAddressesCommand({})),
    DisassociateAddress: await client.send(new sdk.DisassociateAddressCommand({ AssociationId })),
    ReleaseAddress: await client.send(new sdk.ReleaseAddressCommand({ AllocationId })),
    CreateTags: await client.send(
      new sdk.CreateTagsCommand({ Resources: [InstanceId], Tags: [{ Key: 'a', Value: 'b' }] }),
    ),
    DescribeTags: await client.send(new sdk.DescribeTagsCommand({})),
    GetConsoleOutput: await client.send(new sdk.GetConsoleOutputCommand({ InstanceId })),
    DescribeInstanceAttribute: await client.send(
      new sdk.DescribeInstanceAttributeCommand({ InstanceId, Attribute: 'userData' }),
    ),
    ModifyInstanceMetadataOptions: await client.send(
      new sdk.ModifyInstanceMetadataOptionsCommand({ InstanceId, HttpTokens: 'optional' }),
    ),
    CreateLaunchTemplate: await client.send(
      new sdk.CreateLaunchTemplateCommand({ LaunchTemplateName: 'planet', LaunchTemplateData: dataOf(launch) }),
    ),
    DescribeLaunchTemplates: await client.send(new sdk.DescribeLaunchTemplatesCommand({})),
    DescribeLaunchTemplateVersions: await client.send(
      new sdk.DescribeLaunchTemplateVersionsCommand({ LaunchTemplateName: 'planet' }),
    ),
    RebootInstances: await client.send(new sdk.RebootInstancesCommand(one)),
    StopInstances: await client.send(new sdk.StopInstancesCommand(one)),
  };
  await inState(client, InstanceId, 'stopped');
  return {
    ...answers,
    StartInstances: await client.send(new sdk.StartInstancesCommand(one)),
    TerminateInstances: await client.send(new sdk.TerminateInstancesCommand(one)),
  };
}

const dataOf = ({ ImageId, InstanceType, UserData, TagSpecifications }: sdk.RunInstancesCommandInput) => ({
  ImageId,
  InstanceType,
  UserData,
  TagSpecifications,
});

const NOBODY = 'i-0123456789abcdef0';
const NO_ALLOCATION = 'eipalloc-0123456789abcdef0';
const NO_ADDRESS = '192.0.2.1';
const NO_TEMPLATE = 'lt-0123456789abcdef0';

/** What each request is refused with. */
async function refusals(client: sdk.EC2Client): Promise<Record<string, string>> {
  const codes: Record<string, string> = {};
  const requests = refused(await someThings(client));
  for (const [name, request] of Object.entries(requests)) {
    codes[name] = await request(client).then(
      () => 'done',
      (error) => error.name,
    );
  }
  return codes;
}

interface Things {
  readonly image: string;
  readonly running: string;
  readonly dead: string;
  readonly inUse: string;
}

/** Two instances, one of them terminated, an address that the other has, and a template. */
async function someThings(client: sdk.EC2Client): Promise<Things> {
  const image = await imageOf(client);
  const launch = new sdk.RunInstancesCommand({ ...LAUNCH, ImageId: image, MinCount: 2, MaxCount: 2 });
  const { Instances } = await client.send(launch);
  const [running = '', dead = ''] = Instances!.map(({ InstanceId }) => InstanceId!);
  for (const id of [running, dead]) await inState(client, id, 'running');
  const { AllocationId: inUse = '' } = await client.send(new sdk.AllocateAddressCommand({ Domain: 'vpc' }));
  await client.send(new sdk.AssociateAddressCommand({ InstanceId: running, AllocationId: inUse }));
  await client.send(new sdk.TerminateInstancesCommand({ InstanceIds: [dead] }));
  await inState(client, dead, 'terminated');
  const template = { LaunchTemplateName: 'taken', LaunchTemplateData: { ImageId: image } };
  await client.send(new sdk.CreateLaunchTemplateCommand(template));
  return { image, running, dead, inUse };
}

type Request = (client: sdk.EC2Client) => Promise<unknown>;

function refused({ image, running, dead, inUse }: Things): Record<string, Request> {
  const launch =
    (input: Partial<sdk.RunInstancesCommandInput>): Request =>
    (client) =>
      client.send(new sdk.RunInstancesCommand({ MinCount: 1, MaxCount: 1, ...input }));
  const find =
    (input: sdk.DescribeInstancesCommandInput): Request =>
    (client) =>
      client.send(new sdk.DescribeInstancesCommand(input));
  const tag =
    (id: string, ...keys: readonly string[]): Request =>
    (client) =>
      client.send(new sdk.CreateTagsCommand({ Resources: [id], Tags: keys.map((Key) => ({ Key, Value: '' })) }));
  const associate =
    (input: sdk.AssociateAddressCommandInput): Request =>
    (client) =>
      client.send(new sdk.AssociateAddressCommand(input));
  const release =
    (input: sdk.ReleaseAddressCommandInput): Request =>
    (client) =>
      client.send(new sdk.ReleaseAddressCommand(input));
  const addresses =
    (input: sdk.DescribeAddressesCommandInput): Request =>
    (client) =>
      client.send(new sdk.DescribeAddressesCommand(input));
  const templates =
    (input: sdk.DescribeLaunchTemplatesCommandInput): Request =>
    (client) =>
      client.send(new sdk.DescribeLaunchTemplatesCommand(input));
  const many = Array.from({ length: 51 }, (_, index) => `k${index}`);
  return {
    'an instance that is unknown': find({ InstanceIds: [NOBODY] }),
    'a filter that there is not': find({ Filters: [{ Name: 'colour', Values: ['x'] }] }),
    'an end of nobody': (client) => client.send(new sdk.TerminateInstancesCommand({ InstanceIds: [NOBODY] })),
    'a stop of nobody': (client) => client.send(new sdk.StopInstancesCommand({ InstanceIds: [NOBODY] })),
    'a stop of the dead': (client) => client.send(new sdk.StopInstancesCommand({ InstanceIds: [dead] })),
    'a start of the dead': (client) => client.send(new sdk.StartInstancesCommand({ InstanceIds: [dead] })),
    'a console of nobody': (client) => client.send(new sdk.GetConsoleOutputCommand({ InstanceId: NOBODY })),
    'an attribute of nobody': (client) =>
      client.send(new sdk.DescribeInstanceAttributeCommand({ InstanceId: NOBODY, Attribute: 'userData' })),
    'options of nobody': (client) =>
      client.send(new sdk.ModifyInstanceMetadataOptionsCommand({ InstanceId: NOBODY, HttpTokens: 'optional' })),
    'a launch without an image': launch({}),
    'a launch with user-data in clear': launch({ ImageId: image, UserData: '#!' }),
    'a launch from a name that is unknown': launch({ LaunchTemplate: { LaunchTemplateName: 'nothing' } }),
    'a launch from a template that is unknown': launch({ LaunchTemplate: { LaunchTemplateId: NO_TEMPLATE } }),
    'a launch that is none': launch({ ImageId: image, DryRun: true }),
    'a tag of an instance that is unknown': tag(NOBODY, 'a'),
    'a tag of nothing known': tag('thing-1', 'a'),
    "a tag in Amazon's name": tag(running, 'aws:x'),
    'a tag that is too long': tag(running, 'k'.repeat(200)),
    'too many tags': tag(running, ...many),
    'an address for nobody': associate({ InstanceId: NOBODY, AllocationId: inUse }),
    'an allocation that is unknown': associate({ InstanceId: running, AllocationId: NO_ALLOCATION }),
    'an address that is unknown': associate({ InstanceId: running, PublicIp: NO_ADDRESS }),
    'a release of an address in use': release({ AllocationId: inUse }),
    'a release of no allocation': release({ AllocationId: NO_ALLOCATION }),
    'a release of no address': release({ PublicIp: NO_ADDRESS }),
    'an end of no association': (client) =>
      client.send(new sdk.DisassociateAddressCommand({ AssociationId: 'eipassoc-0123456789abcdef0' })),
    'an end of no address': (client) => client.send(new sdk.DisassociateAddressCommand({ PublicIp: NO_ADDRESS })),
    'no such address': addresses({ PublicIps: [NO_ADDRESS] }),
    'no such allocation': addresses({ AllocationIds: [NO_ALLOCATION] }),
    'a template by a name that is taken': (client) =>
      client.send(
        new sdk.CreateLaunchTemplateCommand({ LaunchTemplateName: 'taken', LaunchTemplateData: { ImageId: image } }),
      ),
    'a template that is unknown': templates({ LaunchTemplateIds: [NO_TEMPLATE] }),
    'a template whose name is unknown': templates({ LaunchTemplateNames: ['nothing'] }),
  };
}

/** moto knows images, and warns of others. */
async function imageOf(client: sdk.EC2Client): Promise<string> {
  const { Images } = await client.send(new sdk.DescribeImagesCommand({})).catch(() => ({ Images: [] }));
  return Images?.[0]?.ImageId ?? 'ami-00000001';
}

async function inState(client: sdk.EC2Client, id: string, state: string): Promise<void> {
  const is = async () => {
    const { Reservations } = await client.send(new sdk.DescribeInstancesCommand({ InstanceIds: [id] }));
    return Reservations![0]!.Instances![0]!.State?.Name === state;
  };
  expect(await eventually(is)).toBe(true);
}

/** `.RunInstances.Instances[].State.Code number` */
function fieldsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => fieldsOf(each, `${path}[]`));
  if (value instanceof Date) return [`${path} date`];
  if (typeof value !== 'object' || value === null) return value === undefined ? [] : [`${path} ${typeof value}`];
  const entries = Object.entries(value).filter(([name]) => name !== '$metadata');
  return entries.flatMap(([name, each]) => fieldsOf(each, `${path}.${name}`));
}

async function freePort(): Promise<number> {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  return port;
}
