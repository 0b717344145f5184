import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fillLaunchFile } from '../../src/userdata/launch-file.ts';
import { readPage, top } from '../docs/pages.ts';
import { haulout } from '../support/cli.ts';
import { cloudTools, outsideGrammar, runScript } from '../support/cloud-tools.ts';
import { command, describeWith } from '../support/needs.ts';
import { startQueryApi } from '../support/query-api.ts';
import { KEY, type RunningS3, startS3 } from '../support/s3.ts';
import { scratch } from '../support/scratch.ts';
import { checkHeat, checkTemplate, meant } from '../support/templates.ts';

const at = (name: string) => join(top, 'userdata', name);
const text = (name: string) => readFileSync(at(name), 'utf8');
const files = readdirSync(join(top, 'userdata'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.name.endsWith('.md'))
  .map((entry) => join(entry.parentPath, entry.name).slice(at('').length + 1));

/** Each file, the page that tells of it, and whether the test below checks it: a file that nobody checks fails. */
const PAGES: Readonly<Record<string, string>> = {
  'ec2/launch.sh': 'ec2',
  'ec2/launch-template.json': 'ec2',
  'ec2/auto-scaling-group.json': 'ec2',
  'ec2/instance-refresh.json': 'ec2',
  'ec2/planet.tf': 'ec2',
  'ec2/cloudformation.yaml': 'ec2',
  'ec2/image.pkr.hcl': 'image',
  'ec2/image.sh': 'image',
  'eucalyptus/launch.sh': 'eucalyptus',
  'openstack/launch.sh': 'openstack',
  'openstack/heat.yaml': 'openstack',
};

let s3: RunningS3;
beforeAll(async () => {
  s3 = await startS3({ region: 'us-east-1' });
  s3.endpoint.createBucket('my-bucket');
});
afterAll(() => s3.close());

const environment = () => ({
  AWS_ACCESS_KEY_ID: KEY.accessKeyId,
  AWS_SECRET_ACCESS_KEY: KEY.secretAccessKey,
  AWS_REGION: 'us-east-1',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_ENDPOINT_URL_S3: s3.url,
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_PAGER: '',
});

/** What haulout prints for the settings of the examples: what every one of them must hand over, byte by byte. */
async function printed(...words: string[]): Promise<Buffer> {
  const { code, bytes, stderr } = await haulout(['userdata', 's3://my-bucket/planet', ...words], {
    env: environment(),
  });
  expect(code, stderr).toBe(0);
  return bytes;
}

it('every launch file has its page, and every page names its files', () => {
  expect(files.sort()).toEqual(Object.keys(PAGES).sort());
  for (const [file, page] of Object.entries(PAGES))
    expect(readPage(`docs/launch/${page}.md`).text).toContain(`](../../userdata/${file})`);
});

describe('filling a launch file', () => {
  const script = Buffer.from('#!/bin/sh\n\n  echo "$&" \\\n');

  it('puts base64 into a word', () => {
    const filled = JSON.parse(fillLaunchFile('{"a":"HAULOUT_USERDATA_BASE64"}', script, 'x')) as { a: string };
    expect(Buffer.from(filled.a, 'base64')).toEqual(script);
  });

  it('puts text where a line is, as far in as that is', () => {
    const filled = fillLaunchFile('a: |\n    HAULOUT_USERDATA\nb: c\n', script, 'x');
    expect(filled).toBe('a: |\n    #!/bin/sh\n\n      echo "$&" \\\nb: c\n');
  });

  it.each([
    ['a file without a mark', '{}', script, 'it has no place for user-data'],
    ['binary where text is wanted', 'HAULOUT_USERDATA\n', Buffer.from([0x1f, 0x8b, 0]), 'it takes text'],
  ])('refuses %s', (_what, file, bytes, reason) => {
    expect(() => fillLaunchFile(file, bytes, 'x')).toThrow(reason);
  });

  it('is what --into does, and a file that is not there is a mistake of usage', async () => {
    const into = await printed('--dry-run', '--into', at('ec2/launch-template.json'), '--format', 'gzip');
    const template = JSON.parse(into.toString()) as { LaunchTemplateData: { UserData: string } };
    const packed = Buffer.from(template.LaunchTemplateData.UserData, 'base64');
    expect(packed).toEqual(await printed('--dry-run', '--format', 'gzip'));
    const words = ['userdata', 's3://my-bucket/planet', '--into', 'no-such-file'];
    const { code, stdout } = await haulout(words, { env: environment() });
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });
});

/** Its own model of the services says what of a request is right, before anything is sent. */
describeWith([command('aws', 'awscli')], 'EC2, through the AWS CLI', () => {
  const aws = async (directory: string, ...words: string[]) => {
    const api = await startQueryApi();
    const path = cloudTools(directory, api.url);
    writeFileSync(join(directory, 'script'), `set -eu\n${words.join(' ')}\n`);
    await runScript(join(directory, 'script'), { directory, path, env: environment() });
    return api.asked;
  };

  it('launch.sh launches, waits, and moves the address', async () => {
    const asked = await aws(scratch(), `. '${at('ec2/launch.sh')}'`);
    const [run, describe, associate] = asked;
    expect(asked.map(({ Action }) => Action)).toEqual(['RunInstances', 'DescribeInstances', 'AssociateAddress']);
    expect(Buffer.from(run?.['UserData'] ?? '', 'base64')).toEqual(await printed());
    expect(run).toMatchObject({ 'IamInstanceProfile.Name': 'planet', 'MetadataOptions.HttpTokens': 'required' });
    expect(describe).toMatchObject({ 'InstanceId.1': 'i-0123456789abcdef0' });
    expect(associate).toMatchObject({
      InstanceId: 'i-0123456789abcdef0',
      AllocationId: expect.stringMatching(/^eipalloc-/),
    });
  }, 60_000);

  it('launch-template.json makes a template, and a new version of it', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'planet.json'), await printed('--into', at('ec2/launch-template.json')));
    const line = (command: string) => `aws ec2 ${command} --cli-input-json file://planet.json;`;
    const asked = await aws(directory, line('create-launch-template'), line('create-launch-template-version'));
    expect(asked.map(({ Action }) => Action)).toEqual(['CreateLaunchTemplate', 'CreateLaunchTemplateVersion']);
    for (const fields of asked) {
      expect(fields).toMatchObject({
        LaunchTemplateName: 'planet',
        'LaunchTemplateData.MetadataOptions.HttpTokens': 'required',
      });
      expect(Buffer.from(fields['LaunchTemplateData.UserData'] ?? '', 'base64')).toEqual(await printed());
    }
  }, 60_000);

  it('auto-scaling-group.json and instance-refresh.json are requests', async () => {
    const line = (command: string, file: string) => `aws autoscaling ${command} --cli-input-json 'file://${at(file)}';`;
    const asked = await aws(
      scratch(),
      line('create-auto-scaling-group', 'ec2/auto-scaling-group.json'),
      line('start-instance-refresh', 'ec2/instance-refresh.json'),
    );
    const names = { AutoScalingGroupName: 'planet' };
    expect(asked).toMatchObject([
      {
        Action: 'CreateAutoScalingGroup',
        'LaunchTemplate.LaunchTemplateName': 'planet',
        'LifecycleHookSpecificationList.member.1.LifecycleHookName': 'goodbye',
        ...names,
      },
      { Action: 'StartInstanceRefresh', Strategy: 'Rolling', ...names },
    ]);
  }, 60_000);

  it('a word that the services do not know is not sent: so this test can fail', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'bad.json'), text('ec2/launch-template.json').replace('"ImageId"', '"ImageID"'));
    const sending = aws(directory, 'aws ec2 create-launch-template --cli-input-json file://bad.json');
    await expect(sending).rejects.toThrow(/Unknown parameter.*ImageID/s);
  }, 60_000);
});

/** HashiCorp's own parser, as WebAssembly. */
describe('HCL', () => {
  type Block = Readonly<Record<string, unknown>>;
  const parse = async (name: string, source = text(name)) => {
    const { parse } = await import('@cdktf/hcl2json');
    return (await parse(name, source)) as Readonly<
      Record<string, Readonly<Record<string, Readonly<Record<string, Block[]>>>>>
    >;
  };

  it('planet.tf: the very bytes, another instance for another script, tokens required, the printed policy', async () => {
    const { resource } = await parse('ec2/planet.tf');
    const [instance] = resource?.['aws_instance']?.['planet'] ?? [];
    expect(instance).toMatchObject({
      user_data_base64: '${filebase64("${path.module}/bootstrap.js")}',
      user_data_replace_on_change: true,
      metadata_options: [{ http_tokens: 'required', http_put_response_hop_limit: 1 }],
      iam_instance_profile: '${aws_iam_instance_profile.planet.name}',
    });
    expect(resource?.['aws_iam_role_policy']?.['planet']?.[0]).toMatchObject({
      policy: '${file("${path.module}/policy.json")}',
    });
    expect(text('ec2/planet.tf')).toContain('# haulout userdata s3://my-bucket/planet > bootstrap.js');
    expect(undeclared(text('ec2/planet.tf'), resource ?? {})).toEqual([]);
  });

  it('image.pkr.hcl: tokens required, and image.sh with the packages', async () => {
    const packer = await parse('ec2/image.pkr.hcl');
    expect(packer['source']?.['amazon-ebs']?.['planet']?.[0]).toMatchObject({
      imds_support: 'v2.0',
      metadata_options: [{ http_tokens: 'required' }],
    });
    expect(packer['build']).toMatchObject([
      {
        sources: ['source.amazon-ebs.planet'],
        provisioner: {
          shell: [
            { script: '${path.root}/image.sh', execute_command: 'sudo sh {{ .Path }} ${join(" ", var.packages)}' },
          ],
        },
      },
    ]);
  });

  /** `aws_eip.planet` where no such resource is declared. */
  function undeclared(
    source: string,
    resources: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ): string[] {
    const named = [...source.matchAll(/\b(aws_[a-z_]+)\.([a-z_]+)\./g)];
    return named.filter(([, type = '', name = '']) => resources[type]?.[name] === undefined).map(([all]) => all);
  }
});

describe('CloudFormation', () => {
  const filled = async () => (await printed('--dry-run', '--into', at('ec2/cloudformation.yaml'))).toString();

  it('has the script as it is printed, and nothing that leads nowhere', async () => {
    const { complaints, value } = checkTemplate(await filled());
    expect(complaints).toEqual([]);
    const { UserData, MetadataOptions } = value(['Resources', 'Template', 'Properties', 'LaunchTemplateData']) as {
      UserData: { 'Fn::Base64': string };
      MetadataOptions: Readonly<Record<string, unknown>>;
    };
    expect(Buffer.from(UserData['Fn::Base64'])).toEqual(await printed('--dry-run'));
    expect(MetadataOptions).toMatchObject({ HttpTokens: 'required' });
  });

  it('has the policy that doctor prints', async () => {
    const { value } = checkTemplate(text('ec2/cloudformation.yaml'));
    const [policy] = value(['Resources', 'Role', 'Properties', 'Policies']) as { PolicyDocument: unknown }[];
    const words = ['doctor', 's3://my-bucket/planet', '--policy', 'instance'];
    const { stdout } = await haulout(words, { env: environment() });
    const parameters = { Bucket: 'my-bucket', Prefix: 'planet', 'AWS::Partition': 'aws' };
    expect(meant(policy?.PolicyDocument, parameters)).toEqual(JSON.parse(stdout));
  });

  it.each([
    ['a reference to nothing', ['!Ref ImageId', '!Ref ImageID'], /ImageID/],
    ['an attribute that the type has not', ['!GetAtt Profile.Arn', '!GetAtt Profile.Name'], /Profile\.Name/],
    ['a type that there is not', ['AWS::EC2::EIP\n', 'AWS::EC2::Eip\n'], /AWS::EC2::Eip/],
    ['a word in a text that is no parameter', ['${Bucket}/.haulout/agent', '${Buckets}/.haulout/agent'], /Buckets/],
  ] as const)('with %s would be found', (_what, [before, after], complaint) => {
    const source = text('ec2/cloudformation.yaml');
    expect(source).toContain(before);
    expect(checkTemplate(source.replace(before, after)).complaints.join('\n')).toMatch(complaint);
  });
});

describe('OpenStack and Eucalyptus', () => {
  it('heat.yaml: the file as it is, and nothing that leads nowhere', () => {
    const { complaints, value } = checkHeat(text('openstack/heat.yaml'));
    expect(complaints).toEqual([]);
    expect(value(['resources', 'server', 'properties'])).toMatchObject({
      user_data_format: 'RAW',
      user_data: { get_file: 'bootstrap.js' },
    });
    const broken = text('openstack/heat.yaml').replace('get_resource: port', 'get_resource: prot');
    expect(checkHeat(broken).complaints).toEqual(['get_resource: there is no prot']);
  });

  it.each([
    ['eucalyptus/launch.sh', ['http://walrus.example:8773/services/Walrus', 'eucalyptus']],
    ['openstack/launch.sh', ['https://swift.example:8080', 'us-east-1', '--anonymous']],
  ] as const)('%s: arguments that there are, and the very bytes', async (file, [endpoint, region, ...more]) => {
    const directory = scratch();
    // The store of the example is nowhere: its script is made without one.
    const source = text(file).replace('haulout userdata', 'haulout userdata --dry-run');
    writeFileSync(join(directory, 'launch.sh'), source);
    const path = cloudTools(directory, 'http://127.0.0.1:1');
    const called = await runScript(join(directory, 'launch.sh'), { directory, path, env: environment() });
    expect(called.flatMap(({ argv }) => outsideGrammar(argv))).toEqual([]);
    expect(called.length).toBeGreaterThanOrEqual(2);
    const words = ['--dry-run', '--endpoint-url', endpoint, '--region', region, ...more];
    expect(called[0]?.userdata).toBe((await printed(...words)).toString());
    expect(called.at(-1)?.argv).toContain('192.0.2.10');
  });

  it('a flag that there is not would be found', () => {
    const wrong = outsideGrammar(['euca-associate-address', '--instance', 'i-12345678', '192.0.2.10']);
    expect(wrong[0]).toBe('euca-associate-address: no flag --instance');
    expect(outsideGrammar(['openstack', 'server', 'make', 'x'])).toHaveLength(1);
  });
});

it.each(files.filter((name) => name.endsWith('.sh')))('%s is shell', (name) => {
  expect(execFileSync('/bin/sh', ['-n', at(name)], { encoding: 'utf8' })).toBe('');
});
