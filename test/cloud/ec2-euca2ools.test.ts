import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { run, SYSTEM_ENVIRONMENT } from '../../src/lib/exec.ts';
import { DeskGround } from '../support/desk-ground.ts';
import { CREDENTIALS, type RunningEc2, startEc2 } from '../support/ec2.ts';
import { MACHINE_NEEDS } from '../support/machines.ts';
import { command, describeWith, program } from '../support/needs.ts';
import { eventually, put, scratch } from '../support/scratch.ts';
import { CLI } from '../support/try.ts';

/** Versions before 3.3 sign by version 2, later ones by version 4: CONTRIBUTING.md has how to get either. */
const euca2ools = program(
  'euca-run-instances',
  'with a Python 2.7: pip install git+https://github.com/eucalyptus/euca2ools@v3.4.1',
);
const BIN = dirname(euca2ools.path);
const LAUNCH = new URL('../../userdata/eucalyptus/launch.sh', import.meta.url);

interface Cloud {
  readonly url: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The environment of the tools, without what this user has set for them. */
function environment({ url, accessKeyId, secretAccessKey }: Cloud, home: string): Record<string, string> {
  return {
    ...SYSTEM_ENVIRONMENT,
    PATH: `${BIN}${delimiter}${SYSTEM_ENVIRONMENT['PATH']}`,
    HOME: home,
    EC2_URL: url,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
}

/** The tools by name: `euca('describe-instances', ID)`. Lines as lists of words, as they stand between tabs. */
function toolsFor(cloud: Cloud, more: Record<string, string> = {}) {
  const env = { ...environment(cloud, scratch()), ...more };
  const tried = (name: string, ...words: string[]) =>
    run([join(BIN, `euca-${name}`), ...words], { env, timeoutMs: 60_000 });
  const euca = async (name: string, ...words: string[]): Promise<string[][]> => {
    const { code, stdout, output } = await tried(name, ...words);
    if (code !== 0) throw new Error(`euca-${name} ${words.join(' ')}: exit ${code}\n${output}`);
    const lines = stdout.split('\n').filter((line) => line !== '');
    return lines.map((line) => line.split('\t'));
  };
  const instance = async (id: string) => (await euca('describe-instances', id)).find(([kind]) => kind === 'INSTANCE')!;
  const until = (id: string, state: string) =>
    expect.poll(async () => (await instance(id))[5], { timeout: 60_000, interval: 200 }).toBe(state);
  return { tried, euca, instance, until };
}

describeWith([euca2ools], 'euca2ools', () => {
  let ec2: RunningEc2;
  beforeEach(async () => {
    ec2 = await startEc2();
  });
  afterEach(() => ec2.close());
  const tools = (more?: Record<string, string>) => toolsFor({ url: ec2.url, ...CREDENTIALS }, more);

  it('launches with all that launch.sh says, and reads it back', async () => {
    const { euca, instance, until } = tools();
    const script = put(join(scratch(), 'script'), '#!/bin/sh\necho hello\n');
    const words = ['emi-12345678', '-t', 'm1.small', '-k', 'planet', '-g', 'planet', '-p', 'planet', '-f', script];
    const [reservation, launched] = await euca('run-instances', ...words, '-z', 'eu-west-1a');
    expect(reservation).toEqual(['RESERVATION', expect.stringMatching(/^r-/), '123456789012', '']);
    const id = launched![1]!;
    expect(launched).toMatchObject({ 0: 'INSTANCE', 2: 'emi-12345678', 5: 'pending', 6: 'planet', 9: 'm1.small' });
    await until(id, 'running');
    expect(await instance(id)).toContain('arn:aws:iam::123456789012:instance-profile/planet');
    expect(Buffer.from(ec2.hosts.launched[0]!.describe().userData!).toString()).toBe('#!/bin/sh\necho hello\n');
    expect(await euca('describe-instance-attribute', id, '--user-data')).toContainEqual(['echo hello']);
    expect(await euca('describe-instance-status', id)).toContainEqual(expect.arrayContaining([id, 'running', 'ok']));
    const found = await euca('describe-instances', '--filter', 'image-id=emi-1*', '--filter', 'key-name=planet');
    expect(found.flat()).toContain(id);
    expect(ec2.log.every(({ userAgent }) => userAgent.startsWith('euca2ools/'))).toBe(true);
  }, 60_000);

  it('launches several, and by a token the same ones again', async () => {
    const { euca, tried } = tools();
    const words = ['ami-12345678', '-n', '2-3', '-d', 'some words', '--client-token', 't'];
    const ids = async () => (await euca('run-instances', ...words)).slice(1).map(([, id]) => id);
    const first = await ids();
    expect(first).toHaveLength(3);
    expect(await ids()).toEqual(first);
    const other = await tried('run-instances', ...words, '-t', 'm1.large');
    expect(other).toMatchObject({ code: 1, output: expect.stringContaining('(IdempotentParameterMismatch)') });
  }, 60_000);

  it('has addresses by themselves and by their allocation', async () => {
    const { euca, until } = tools();
    const id = (await euca('run-instances', 'ami-12345678'))[1]![1]!;
    await until(id, 'running');
    const [, ip = '', domain] = (await euca('allocate-address'))[0]!;
    expect(domain).toBe('vpc');
    await euca('associate-address', '-i', id, ip);
    const [, , holder, , allocation = ''] = (await euca('describe-addresses', ip))[0]!;
    expect(holder).toBe(id);
    await euca('disassociate-address', ip);
    await euca('associate-address', '-i', id, '-a', allocation);
    const association = (await euca('describe-addresses', ip))[0]!.find((word) => word.startsWith('eipassoc-'))!;
    await euca('disassociate-address', '-a', association);
    await euca('release-address', '-a', allocation);
    expect(await euca('describe-addresses')).toEqual([]);
  }, 60_000);

  it('tags, finds by tags, and takes them off', async () => {
    const { euca } = tools();
    const id = (await euca('run-instances', 'ami-12345678'))[1]![1]!;
    await euca('create-tags', id, '--tag', 'Name=web', '--tag', 'empty');
    expect(await euca('describe-tags', '--filter', `resource-id=${id}`)).toEqual([
      ['TAG', 'instance', id, 'Name', 'web'],
      ['TAG', 'instance', id, 'empty', ''],
    ]);
    expect(await euca('describe-instances', '--filter', 'tag:Name=w*')).toContainEqual([
      'TAG',
      'instance',
      id,
      'Name',
      'web',
    ]);
    await euca('delete-tags', id, '--tag', 'Name', '--tag', 'empty=');
    expect(await euca('describe-tags')).toEqual([]);
  }, 60_000);

  it('is told what is refused, by name', async () => {
    const { tried } = tools();
    const refusals: [string[], string][] = [
      [['describe-images'], '(InvalidAction): The action DescribeImages '],
      [['describe-keypairs'], '(InvalidAction): The action DescribeKeyPairs '],
      [['terminate-instances', 'i-12345678'], "(InvalidInstanceID.NotFound): The instance ID 'i-12345678' "],
      [['associate-address', '-i', 'i-12345678', '192.0.2.1'], '(InvalidAddress.NotFound)'],
      [['release-address', '192.0.2.1'], "(InvalidAddress.NotFound): Address '192.0.2.1' "],
      [['run-instances', 'planet'], '(InvalidAMIID.Malformed)'],
      [['run-instances', 'ami-12345678', '--kernel', 'eki-12345678'], '(UnknownParameter): The parameter KernelId '],
      [['run-instances', 'ami-12345678', '--disable-api-termination'], 'not know DisableApiTermination'],
    ];
    for (const [[name = '', ...words], message] of refusals)
      expect(await tried(name, ...words)).toMatchObject({ code: 1, output: expect.stringContaining(message) });
    expect(ec2.hosts.launched).toEqual([]);
    const stranger = await tools({ AWS_SECRET_ACCESS_KEY: 'wrong' }).tried('describe-instances');
    expect(stranger).toMatchObject({ code: 1, output: expect.stringContaining('(AuthFailure)') });
  }, 60_000);
});

/** The whole way, with what we hand to users of Eucalyptus: its launch.sh, but for the names of their cloud. */
describeWith([euca2ools, ...MACHINE_NEEDS, command('curl', 'curl')], 'the life of a machine by euca2ools', () => {
  it('is launched, reached at its address, stopped and started, looked at, and ended', async () => {
    const ground = await DeskGround.open();
    onTestFinished(() => ground.close());
    const { cloud } = ground;
    const { accessKeyId, secretAccessKey } = cloud;
    const ours = { url: cloud.ec2Endpoint, accessKeyId, secretAccessKey };
    const { euca, tried, until } = toolsFor(ours);

    const [, address = ''] = (await euca('allocate-address'))[0]!;
    const directory = scratch();
    const names = { bucket: ground.bucket, walrus: cloud.endpoint, address };
    const script = Object.entries(names).reduce(
      (text, [name, value]) => text.replace(new RegExp(`^${name}=.*$`, 'm'), `${name}='${value}'`),
      readFileSync(LAUNCH, 'utf8').replace(
        '--region eucalyptus',
        `--region ${cloud.region} --instance-endpoint-url '${cloud.instanceEndpoint}' --settle 0s`,
      ),
    );
    put(join(directory, 'haulout'), `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`, 0o755);
    const env = environment(ours, directory);
    env['PATH'] = `${directory}${delimiter}${env['PATH']}`;
    writeFileSync(join(directory, 'launch.sh'), script);
    const launched = await run(['/bin/sh', 'launch.sh'], { env, cwd: directory, timeoutMs: 120_000 });
    expect(launched, launched.output).toMatchObject({ code: 0 });

    const page = async () =>
      (await run(['curl', '-sS', '-m', '5', `http://${address}:8080/`], { env, timeoutMs: 10_000 })).stdout === 'one\n';
    expect(await eventually(page, 120_000)).toBe(true);
    const [, , id = ''] = (await euca('describe-addresses', address))[0]!;
    expect(launched.stdout).toContain(id);

    await euca('create-tags', id, '--tag', 'Name=web');
    expect((await euca('describe-instances', '--filter', 'tag:Name=web')).flat()).toContain(id);

    expect(await euca('stop-instances', id)).toEqual([['INSTANCE', id, 'running', 'stopping']]);
    await until(id, 'stopped');
    expect(await page()).toBe(false);
    expect(await euca('start-instances', id)).toEqual([['INSTANCE', id, 'stopped', 'pending']]);
    await until(id, 'running');
    expect(await eventually(page, 120_000)).toBe(true);

    const { stdout } = await tried('get-console-output', id);
    expect(stdout).toContain(id);
    expect(stdout).toContain('haulout');

    expect(await euca('terminate-instances', id)).toEqual([['INSTANCE', id, 'running', 'shutting-down']]);
    await until(id, 'terminated');
    expect(await page()).toBe(false);
    expect(await euca('release-address', address)).toEqual([['ADDRESS', address, '']]);
    expect(await euca('describe-addresses')).toEqual([]);
  }, 600_000);
});
