import { execFile } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { AllocateAddressCommand, DescribeAddressesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { afterAll, expect, it } from 'vitest';
import { LocalCloud } from '../../src/cloud/local.ts';
import { top } from '../docs/pages.ts';
import { describeWith, program, root } from '../support/needs.ts';
import { dist } from '../support/role.ts';
import { TINY } from '../support/role-files.ts';
import { eventually, scratch } from '../support/scratch.ts';

const PORT = 8080;
const aws = program('aws', 'apt-get install awscli, or pip install awscli');

/** The files of userdata/ec2, run as they stand but for the address that is somebody's own. */
describeWith([root, aws], 'the launch files of EC2', () => {
  let cloud: LocalCloud | undefined;
  let client: EC2Client | undefined;
  afterAll(async () => {
    client?.destroy();
    await cloud?.close();
  });

  it('launch.sh boots a role behind its address, and again behind the same; so does the launch template', async () => {
    const override = '[haulout]\nschedule = 0 0 1 1 *\nsplay = 0s\nupgrade = never\n';
    cloud = await LocalCloud.open({
      gatewayScript: join(dist, 'gateway.mjs'),
      addressPorts: [PORT],
      launchOptions: () => ({ files: { '/etc/haulout/haulout.ini': { content: override, mode: 0o644 } } }),
    });
    const { accessKeyId, secretAccessKey, ec2Endpoint: endpoint, region } = cloud;
    client = new EC2Client({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
    cloud.s3.createBucket('my-bucket');
    for (const [path, content] of Object.entries(TINY))
      await cloud.s3.put('my-bucket', `planet/${path}`, { bytes: Buffer.from(content) });
    const { AllocationId = '', PublicIp = '' } = await client.send(new AllocateAddressCommand({}));

    const here = scratch();
    const env = environment(here, cloud);
    const script = readFileSync(join(top, 'userdata/ec2/launch.sh'), 'utf8');
    writeFileSync(join(here, 'launch.sh'), script.replace('eipalloc-0123456789abcdef0', AllocationId));
    const shell = async (line: string) =>
      (await promisify(execFile)('/bin/sh', ['-euc', line], { cwd: here, env, timeout: 90_000 })).stdout;
    const behind = async () => {
      const { Addresses } = await client!.send(new DescribeAddressesCommand({ PublicIps: [PublicIp] }));
      return Addresses![0]!.InstanceId!;
    };
    const answers = async () => {
      const look = () => fetch(`http://${PublicIp}:${PORT}/`, { signal: AbortSignal.timeout(5_000) });
      const says = () => look().then((answer) => answer.text());
      expect(await eventually(async () => (await says().catch(() => '')) === 'one\n', 60_000)).toBe(true);
    };

    await shell('sh launch.sh');
    const first = await behind();
    await answers();
    const role = async () => {
      const { stdout } = await cloud!.machine(first)!.exec(['haulout', 'status', '--json']);
      return stdout.trim() === '' ? undefined : JSON.parse(stdout).role;
    };
    expect(await eventually(async () => (await role()) === 'planet', 30_000)).toBe(true);

    await shell('sh launch.sh');
    const second = await behind();
    expect(second).not.toBe(first);
    await answers();

    await shell(`haulout userdata s3://my-bucket/planet --into ${join(top, 'userdata/ec2/launch-template.json')} > planet.json
aws ec2 create-launch-template --cli-input-json file://planet.json
third=$(aws ec2 run-instances --launch-template LaunchTemplateName=planet --query 'Instances[0].InstanceId' --output text)
aws ec2 wait instance-running --instance-ids "$third"
aws ec2 associate-address --instance-id "$third" --allocation-id ${AllocationId}
aws ec2 terminate-instances --instance-ids ${first} ${second}`);
    expect([first, second]).not.toContain(await behind());
    await answers();
  }, 240_000);
});

/** The programs of the files, sent to the local cloud; what is in a script for instances names the store as they reach it. */
function environment(here: string, cloud: LocalCloud): Record<string, string> {
  const programs = {
    haulout: `'${process.execPath}' '${join(dist, 'cli.mjs')}' "$@" --instance-endpoint-url ${cloud.instanceEndpoint}`,
    aws: `'${aws.path}' "$@" --endpoint-url ${cloud.ec2Endpoint}`,
  };
  for (const [name, line] of Object.entries(programs)) {
    writeFileSync(join(here, name), `#!/bin/sh\nexec ${line}\n`);
    chmodSync(join(here, name), 0o755);
  }
  return {
    PATH: `${here}${delimiter}${process.env['PATH']}`,
    HOME: process.env['HOME'] ?? '/',
    AWS_ENDPOINT_URL_S3: cloud.endpoint,
    AWS_ACCESS_KEY_ID: cloud.accessKeyId,
    AWS_SECRET_ACCESS_KEY: cloud.secretAccessKey,
    AWS_DEFAULT_REGION: cloud.region,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
  };
}
