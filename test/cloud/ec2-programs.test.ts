import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { LocalCloud } from '../../src/cloud/local.ts';
import { type RunResult, run, SYSTEM_ENVIRONMENT } from '../../src/lib/exec.ts';
import { CREDENTIALS, type RunningEc2, startEc2 } from '../support/ec2.ts';
import { MACHINE_NEEDS, quiet, useBench } from '../support/machines.ts';
import { command, describeWith, program } from '../support/needs.ts';
import { REGION } from '../support/s3.ts';
import { scratch } from '../support/scratch.ts';

/** Debian's is of the second generation, pip's of the first: they sign and retry each in its own way. */
const debian = { ...command('aws', 'awscli'), path: '/usr/bin/aws' };
const pip = program('aws', 'pip install awscli');
const KINDS = [
  { title: "Debian's aws CLI", needs: [debian], path: debian.path },
  { title: "pip's aws CLI", needs: [{ ...pip, met: pip.met && pip.path !== debian.path }], path: pip.path },
];

for (const { title, needs, path } of KINDS) {
  describeWith(needs, title, () => {
    let ec2: RunningEc2;
    beforeEach(async () => {
      ec2 = await startEc2();
    });
    afterEach(() => ec2.close());

    function tried(...words: string[]): Promise<RunResult> {
      const env = {
        ...SYSTEM_ENVIRONMENT,
        PATH: process.env['PATH'] ?? '',
        HOME: process.env['HOME'] ?? '/',
        AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
        AWS_DEFAULT_REGION: REGION,
        AWS_CONFIG_FILE: '/dev/null',
        AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_PAGER: '',
      };
      return run([path, '--endpoint-url', ec2.url, 'ec2', ...words], { env, timeoutMs: 60_000 });
    }

    async function aws(...words: string[]) {
      const { code, stdout, output } = await tried(...words);
      if (code !== 0) throw new Error(`aws ec2 ${words.join(' ')}: exit ${code}\n${output}`);
      return stdout.trim() === '' ? {} : JSON.parse(stdout);
    }

    it('launches, waits, moves an address, looks, and terminates', async () => {
      const script = join(scratch(), 'script');
      writeFileSync(script, '#!/bin/sh\necho hello\n');
      const { Instances } = await aws(
        'run-instances',
        ...['--image-id', 'ami-12345678', '--instance-type', 't3.micro', '--user-data', `file://${script}`],
        ...['--key-name', 'k', '--security-group-ids', 'sg-1', '--subnet-id', 'subnet-1'],
        ...['--iam-instance-profile', 'Name=boot', '--metadata-options', 'HttpTokens=required'],
        ...['--tag-specifications', 'ResourceType=instance,Tags=[{Key=Name,Value=web}]'],
      );
      const id: string = Instances[0].InstanceId;
      await aws('wait', 'instance-running', '--instance-ids', id);
      expect(Buffer.from(ec2.hosts.launched[0]!.describe().userData!).toString()).toBe('#!/bin/sh\necho hello\n');
      ec2.hosts.launched[0]!.options.onConsole!('hello');
      const found = await aws(
        'describe-instances',
        '--filters',
        'Name=tag:Name,Values=w*',
        'Name=image-id,Values=ami-1*',
      );
      expect(found.Reservations[0].Instances[0]).toMatchObject({ InstanceId: id, State: { Name: 'running' } });
      const { AllocationId, PublicIp } = await aws('allocate-address', '--domain', 'vpc');
      const reached = ['associate-address', '--instance-id', id, '--allocation-id', AllocationId];
      const { AssociationId } = await aws(...reached, '--allow-reassociation');
      expect((await aws('describe-addresses', '--public-ips', PublicIp)).Addresses).toMatchObject([
        { AllocationId, AssociationId, InstanceId: id },
      ]);
      await aws('disassociate-address', '--association-id', AssociationId);
      await aws('release-address', '--allocation-id', AllocationId);
      expect((await aws('get-console-output', '--instance-id', id)).Output).toMatch(/^hello\s*$/);
      await aws('stop-instances', '--instance-ids', id);
      await aws('wait', 'instance-stopped', '--instance-ids', id);
      await aws('start-instances', '--instance-ids', id);
      const { TerminatingInstances } = await aws('terminate-instances', '--instance-ids', id);
      expect(TerminatingInstances[0].InstanceId).toBe(id);
      await aws('wait', 'instance-terminated', '--instance-ids', id);
      expect(ec2.log.every(({ userAgent }) => userAgent.startsWith('aws-cli/'))).toBe(true);
    }, 120_000);

    it('launches what is gzipped, by a token and from a template, and is told what is wrong', async () => {
      const file = join(scratch(), 'script.gz');
      const bytes = gzipSync('#!/bin/sh\n');
      writeFileSync(file, bytes);
      const launch = ['--image-id', 'ami-12345678', '--user-data', `fileb://${file}`, '--client-token', 'tok1'];
      const one = await aws('run-instances', ...launch);
      const again = await aws('run-instances', ...launch);
      expect(again.Instances[0].InstanceId).toBe(one.Instances[0].InstanceId);
      await expect.poll(() => ec2.hosts.launched.length).toBe(1);
      expect(Buffer.from(ec2.hosts.launched[0]!.describe().userData!)).toEqual(bytes);
      const other = await tried('run-instances', ...launch, '--instance-type', 't3.large');
      expect(other.code).not.toBe(0);
      expect(other.output).toContain('(IdempotentParameterMismatch)');
      const data = { ImageId: 'ami-12345678', MetadataOptions: { HttpTokens: 'optional' } };
      const named = ['--launch-template-name', 'planet'];
      await aws('create-launch-template', ...named, '--launch-template-data', JSON.stringify(data));
      const { Instances } = await aws('run-instances', '--launch-template', 'LaunchTemplateName=planet');
      expect(Instances[0].MetadataOptions.HttpTokens).toBe('optional');
      const unknown = await tried('describe-regions');
      expect(unknown.output).toContain('(InvalidAction)');
      expect(unknown.output).toContain('DescribeRegions');
    }, 120_000);
  });
}

/** Where it is not installed, it is where it would be: on a machine of the cloud, which may do what its role may. */
const bench = useBench();
describeWith([...MACHINE_NEEDS, command('apt-get', 'apt')], "Debian's aws CLI on an instance", () => {
  it('has the keys of its role, and launches and terminates another instance', async () => {
    const cloud = await LocalCloud.open({ log: quiet, gatewayScript: bench.gateway.script });
    onTestFinished(() => cloud.close());
    const aws = `aws --endpoint-url ${cloud.ec2InstanceEndpoint} --region ${cloud.region} ec2`;
    const script = `#!/bin/sh
export HOME=/root DEBIAN_FRONTEND=noninteractive AWS_PAGER=
apt-get -qq update && apt-get -qq -y install --no-install-recommends awscli > /dev/null 2>&1
aws --version
printf '#!/bin/sh\\necho I am the other\\n' > /tmp/script
other=$(${aws} run-instances --image-id ami-12345678 --user-data file:///tmp/script \
  --query 'Instances[0].InstanceId' --output text) || exit
${aws} wait instance-running --instance-ids "$other"
until ${aws} get-console-output --instance-id "$other" --output text | grep 'I am'; do sleep 0.5; done
${aws} terminate-instances --instance-ids "$other" --query 'TerminatingInstances[0].CurrentState.Name' --output text
`;
    const console: string[] = [];
    const code = await new Promise<number>((resolve, reject) => {
      const options = {
        onConsole: (line: string) => console.push(line),
        onUserData: (end: { code: number }) => resolve(end.code),
      };
      cloud.launch({ userData: Buffer.from(script), ...options }).catch(reject);
    });
    expect({ code, console }).toEqual({
      code: 0,
      console: [
        expect.stringMatching(/^aws-cli\//),
        expect.stringMatching(/^i-[0-9a-f]{17}\tI am the other/),
        'shutting-down',
      ],
    });
  }, 240_000);
});
