import {
  CreateLaunchTemplateCommand,
  type CreateLaunchTemplateCommandInput,
  CreateLaunchTemplateVersionCommand,
  CreateTagsCommand,
  DeleteLaunchTemplateCommand,
  DeleteTagsCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  DescribeLaunchTemplatesCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeTagsCommand,
  type EC2Client,
  ModifyInstanceMetadataOptionsCommand,
  RunInstancesCommand,
  type RunInstancesCommandInput,
} from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningEc2, startEc2 } from '../support/ec2.ts';

let ec2: RunningEc2;
let client: EC2Client;

beforeEach(async () => {
  ec2 = await startEc2();
  ({ client } = ec2);
});
afterEach(() => ec2.close());

const refusal = (code: string) => expect.objectContaining({ name: code });
const SCRIPT = Buffer.from('#!/bin/sh\n').toString('base64');

async function run(input: Partial<RunInstancesCommandInput> = {}): Promise<string> {
  const { Instances } = await client.send(new RunInstancesCommand({ MinCount: 1, MaxCount: 1, ...input }));
  return Instances![0]!.InstanceId!;
}

async function instance(id: string) {
  const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations![0]!.Instances![0]!;
}

const DATA: CreateLaunchTemplateCommandInput['LaunchTemplateData'] = {
  ImageId: 'ami-0123456789abcdef0',
  InstanceType: 't3.micro',
  IamInstanceProfile: { Name: 'planet' },
  UserData: SCRIPT,
  MetadataOptions: { HttpTokens: 'optional', HttpPutResponseHopLimit: 2, InstanceMetadataTags: 'enabled' },
  TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'planet' }] }],
  SecurityGroupIds: ['sg-1'],
};

const create = (more: Partial<CreateLaunchTemplateCommandInput> = {}) =>
  client.send(new CreateLaunchTemplateCommand({ LaunchTemplateName: 'planet', LaunchTemplateData: DATA, ...more }));

describe('launch templates', () => {
  it('are made once by a token, described, launched from, and deleted', async () => {
    const token = { ClientToken: 'one' };
    const { LaunchTemplate } = await create(token);
    expect(LaunchTemplate).toMatchObject({
      LaunchTemplateId: expect.stringMatching(/^lt-0[0-9a-f]{16}$/),
      LaunchTemplateName: 'planet',
      DefaultVersionNumber: 1,
      LatestVersionNumber: 1,
    });
    expect((await create(token)).LaunchTemplate).toEqual(LaunchTemplate);
    await expect(create()).rejects.toEqual(refusal('InvalidLaunchTemplateName.AlreadyExistsException'));
    await expect(create({ LaunchTemplateName: 'a' })).rejects.toEqual(refusal('InvalidParameterValue'));
    const LaunchTemplateId = LaunchTemplate!.LaunchTemplateId!;
    const { LaunchTemplates } = await client.send(
      new DescribeLaunchTemplatesCommand({ LaunchTemplateNames: ['planet'] }),
    );
    expect(LaunchTemplates).toEqual([LaunchTemplate]);
    const id = await run({ LaunchTemplate: { LaunchTemplateName: 'planet' } });
    expect(await instance(id)).toMatchObject({
      ImageId: DATA.ImageId,
      InstanceType: 't3.micro',
      Tags: [{ Key: 'Name', Value: 'planet' }],
      MetadataOptions: { HttpTokens: 'optional', InstanceMetadataTags: 'enabled' },
    });
    await expect.poll(() => ec2.hosts.launched.length).toBe(1);
    expect(ec2.hosts.launched[0]!.describe()).toMatchObject({
      roleName: 'planet',
      userData: Buffer.from(SCRIPT, 'base64'),
    });
    await client.send(new DeleteLaunchTemplateCommand({ LaunchTemplateId }));
    expect((await client.send(new DescribeLaunchTemplatesCommand({}))).LaunchTemplates).toEqual([]);
    await expect(run({ LaunchTemplate: { LaunchTemplateName: 'planet' } })).rejects.toEqual(
      refusal('InvalidLaunchTemplateName.NotFoundException'),
    );
    await expect(run({ LaunchTemplate: { LaunchTemplateId } })).rejects.toEqual(
      refusal('InvalidLaunchTemplateId.NotFound'),
    );
  });

  it('what a request says of a thing stands for all the template says of it', async () => {
    await create();
    const id = await run({
      LaunchTemplate: { LaunchTemplateName: 'planet', Version: '$Latest' },
      InstanceType: 'm5.large',
      MetadataOptions: { HttpTokens: 'required' },
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'other', Value: 'x' }] }],
    });
    expect(await instance(id)).toMatchObject({
      ImageId: DATA.ImageId,
      InstanceType: 'm5.large',
      Tags: [{ Key: 'other', Value: 'x' }],
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, InstanceMetadataTags: 'disabled' },
    });
  });

  it('have versions', async () => {
    await create();
    const LaunchTemplateName = 'planet';
    const { LaunchTemplateVersion } = await client.send(
      new CreateLaunchTemplateVersionCommand({
        LaunchTemplateName,
        VersionDescription: 'larger',
        LaunchTemplateData: { ...DATA, InstanceType: 'm5.large' },
      }),
    );
    expect(LaunchTemplateVersion).toMatchObject({ VersionNumber: 2, DefaultVersion: false });
    const versions = async (Versions: string[]) => {
      const input = { LaunchTemplateName, ...(Versions.length > 0 ? { Versions } : {}) };
      return (await client.send(new DescribeLaunchTemplateVersionsCommand(input))).LaunchTemplateVersions!;
    };
    expect((await versions([])).map(({ VersionNumber }) => VersionNumber)).toEqual([1, 2]);
    expect(await versions(['$Latest'])).toMatchObject([
      {
        VersionDescription: 'larger',
        LaunchTemplateData: {
          InstanceType: 'm5.large',
          UserData: SCRIPT,
          IamInstanceProfile: { Name: 'planet' },
          MetadataOptions: { HttpTokens: 'optional', HttpPutResponseHopLimit: 2 },
          TagSpecifications: DATA.TagSpecifications,
        },
      },
    ]);
    expect(await versions(['$Default'])).toMatchObject([{ VersionNumber: 1, DefaultVersion: true }]);
    await expect(versions(['3'])).rejects.toEqual(refusal('InvalidLaunchTemplateId.VersionNotFound'));
    const typeOf = async (Version?: string) => {
      const LaunchTemplate = { LaunchTemplateName, ...(Version === undefined ? {} : { Version }) };
      return (await instance(await run({ LaunchTemplate }))).InstanceType;
    };
    expect([await typeOf(), await typeOf('$Latest'), await typeOf('2'), await typeOf('1')]).toEqual([
      't3.micro',
      'm5.large',
      'm5.large',
      't3.micro',
    ]);
  });

  it('are checked when they are made', async () => {
    const wrong = (LaunchTemplateData: CreateLaunchTemplateCommandInput['LaunchTemplateData']) =>
      create({ LaunchTemplateData });
    await expect(wrong({ InstanceMarketOptions: { MarketType: 'spot' } })).rejects.toMatchObject({
      name: 'UnknownParameter',
      message: expect.stringContaining('LaunchTemplateData.InstanceMarketOptions.MarketType'),
    });
    await expect(wrong({ UserData: '#!/bin/sh' })).rejects.toEqual(refusal('InvalidUserData.Malformed'));
    await expect(wrong({ DisableApiTermination: true })).rejects.toEqual(refusal('UnsupportedOperation'));
    await expect(wrong({})).rejects.toEqual(refusal('MissingParameter'));
    await create({ LaunchTemplateData: { InstanceType: 't3.micro' } });
    await expect(run({ LaunchTemplate: { LaunchTemplateName: 'planet' } })).rejects.toEqual(
      refusal('MissingParameter'),
    );
  });
});

describe('tags', () => {
  const put = (Resources: string[], tags: Record<string, string>) =>
    client.send(
      new CreateTagsCommand({ Resources, Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }),
    );

  it('are put, found, and taken away', async () => {
    const one = await run({ ImageId: 'ami-00000001' });
    const two = await run({ ImageId: 'ami-00000001' });
    await put([one, two], { Name: 'web', role: 'planet' });
    await put([one], { Name: 'other' });
    expect((await instance(one)).Tags).toEqual([
      { Key: 'Name', Value: 'other' },
      { Key: 'role', Value: 'planet' },
    ]);
    await expect.poll(() => ec2.hosts.launched.length).toBe(2);
    expect(ec2.hosts.launched[0]!.describe().tags).toEqual({ Name: 'other', role: 'planet' });
    const tags = async (filters: Record<string, string[]>) => {
      const Filters = Object.entries(filters).map(([Name, Values]) => ({ Name, Values }));
      return (await client.send(new DescribeTagsCommand({ Filters }))).Tags;
    };
    expect(await tags({ 'resource-id': [one], key: ['Name'] })).toEqual([
      { ResourceId: one, ResourceType: 'instance', Key: 'Name', Value: 'other' },
    ]);
    expect(await tags({ value: ['planet'] })).toHaveLength(2);
    expect(await tags({ 'resource-type': ['volume'] })).toEqual([]);
    const remove = (Tags?: { Key: string; Value?: string }[]) =>
      client.send(new DeleteTagsCommand({ Resources: [one], ...(Tags ? { Tags } : {}) }));
    await remove([{ Key: 'Name', Value: 'web' }]);
    expect(await tags({ 'resource-id': [one] })).toHaveLength(2);
    await remove([{ Key: 'Name', Value: 'other' }]);
    expect(await tags({ 'resource-id': [one] })).toHaveLength(1);
    await remove([{ Key: 'role' }]);
    expect(await tags({ 'resource-id': [one] })).toEqual([]);
    await put([one], { a: '1', b: '2' });
    await remove();
    expect(await tags({ 'resource-id': [one] })).toEqual([]);
  });

  it('have limits', async () => {
    const id = await run({ ImageId: 'ami-00000001' });
    await expect(put([id], { 'aws:x': '' })).rejects.toEqual(refusal('InvalidParameterValue'));
    await expect(put([id], { ['k'.repeat(128)]: '' })).rejects.toEqual(refusal('InvalidParameterValue'));
    await expect(put([id], { k: 'v'.repeat(257) })).rejects.toEqual(refusal('InvalidParameterValue'));
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, '']));
    await put([id], many);
    await expect(put([id], { more: '' })).rejects.toEqual(refusal('TagLimitExceeded'));
    await expect(put([id, 'i-0000000000000000f'], { k1: '' })).rejects.toEqual(refusal('InvalidInstanceID.NotFound'));
    await expect(put(['vol-12345678'], { k: '' })).rejects.toEqual(refusal('InvalidID'));
  });
});

describe('attributes', () => {
  it('user-data is read back as it was given', async () => {
    const id = await run({ ImageId: 'ami-00000001', UserData: SCRIPT });
    const none = await run({ ImageId: 'ami-00000001' });
    const read = (InstanceId: string, Attribute: 'userData' | 'instanceType' | 'groupSet') =>
      client.send(new DescribeInstanceAttributeCommand({ InstanceId, Attribute }));
    expect((await read(id, 'userData')).UserData).toEqual({ Value: SCRIPT });
    expect((await read(none, 'userData')).UserData?.Value).toBeUndefined();
    expect((await read(id, 'instanceType')).InstanceType).toEqual({ Value: 'm1.small' });
    await expect(read(id, 'groupSet')).rejects.toMatchObject({
      name: 'UnsupportedOperation',
      message: expect.stringContaining('groupSet'),
    });
  });

  it('options of the metadata service hold at once', async () => {
    const id = await run({ ImageId: 'ami-00000001' });
    await expect.poll(() => ec2.hosts.launched.length).toBe(1);
    const answer = await client.send(
      new ModifyInstanceMetadataOptionsCommand({
        InstanceId: id,
        HttpTokens: 'optional',
        InstanceMetadataTags: 'enabled',
      }),
    );
    expect(answer).toMatchObject({
      InstanceId: id,
      InstanceMetadataOptions: { HttpTokens: 'optional', HttpPutResponseHopLimit: 1, InstanceMetadataTags: 'enabled' },
    });
    expect(ec2.hosts.launched[0]!.describe()).toMatchObject({ httpTokens: 'optional', metadataTags: true });
    expect((await instance(id)).MetadataOptions).toEqual(answer.InstanceMetadataOptions);
    const off = new ModifyInstanceMetadataOptionsCommand({ InstanceId: id, HttpEndpoint: 'disabled' });
    await expect(client.send(off)).rejects.toEqual(refusal('UnsupportedOperation'));
  });
});
