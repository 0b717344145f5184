import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescribeInstancesCommand, EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { GetObjectCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { haulout } from '../support/cli.ts';
import { MACHINE_NEEDS, marks } from '../support/machines.ts';
import { describeWith } from '../support/needs.ts';
import { eventually, isAlive, scratch } from '../support/scratch.ts';
import { CLI, descendants } from '../support/try.ts';

/** `haulout cloud`, as people start it. */
class Cloud {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;

  constructor(...words: string[]) {
    const env = { PATH: process.env['PATH'] ?? '', TMPDIR: temporary };
    this.child = spawn(process.execPath, [CLI, 'cloud', ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    running.push(this);
  }

  async says(words: string): Promise<void> {
    const said = await eventually(() => this.stderr.includes(words), 15_000);
    expect(said, `"${words}" is said; it said: ${this.stderr}`).toBe(true);
  }

  /** What a shell makes of the lines on standard output. */
  get variables(): Record<string, string> {
    const script = `${this.stdout}\nenv`;
    const lines = execFileSync('/bin/sh', ['-eu', '-c', script], { env: { PATH: '/usr/bin:/bin' }, encoding: 'utf8' });
    return Object.fromEntries(lines.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
  }

  async end(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    const { exitCode, signalCode } = this.child;
    if (exitCode !== null || signalCode !== null) return exitCode;
    this.child.kill(signal);
    const [code] = await once(this.child, 'exit');
    return code as number | null;
  }
}

const running: Cloud[] = [];
/** Of this test alone: clouds that others start here would clear what a killed one of ours left. */
let temporary: string;
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'haulout-test-'));
});
afterEach(async () => {
  for (const cloud of running.splice(0)) await cloud.end('SIGTERM');
  rmSync(temporary, { recursive: true });
});

function clients({ variables }: Cloud): { ec2: EC2Client; s3: S3Client } {
  const common = {
    region: variables['AWS_REGION']!,
    credentials: {
      accessKeyId: variables['AWS_ACCESS_KEY_ID']!,
      secretAccessKey: variables['AWS_SECRET_ACCESS_KEY']!,
    },
  };
  return {
    ec2: new EC2Client({ ...common, endpoint: variables['AWS_ENDPOINT_URL_EC2']! }),
    s3: new S3Client({ ...common, endpoint: variables['AWS_ENDPOINT_URL_S3']!, forcePathStyle: true }),
  };
}

/** Its data directories. */
function keptBy({ child }: Cloud): string[] {
  const names = readdirSync(temporary).filter((name) => name.startsWith('haulout-cloud-'));
  return names.filter((name) => name.includes(`-${child.pid}-`));
}

describe('haulout cloud', () => {
  it('says where it is in lines for a shell, has the buckets and directories, and leaves nothing', async () => {
    const directory = join(scratch(), 'a=b');
    mkdirSync(directory);
    writeFileSync(join(directory, 'haulout.ini'), '[haulout]\nversion = 1\n');
    const cloud = new Cloud('--bucket', 'one', '--bucket', 'two', '--mirror', `${directory}=s3://demo/planet`);
    await cloud.says('Ctrl-C ends it');
    const { s3, ec2 } = clients(cloud);
    const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
    expect(Buckets.map(({ Name }) => Name).sort()).toEqual(['demo', 'one', 'two']);
    const read = async (Key: string) =>
      (await s3.send(new GetObjectCommand({ Bucket: 'demo', Key }))).Body!.transformToString();
    expect(await read('planet/haulout.ini')).toContain('version = 1');
    writeFileSync(join(directory, 'more'), 'more\n');
    await cloud.says('uploaded s3://demo/planet/more');
    expect(await read('planet/more')).toBe('more\n');
    expect((await ec2.send(new DescribeInstancesCommand({}))).Reservations).toEqual([]);
    expect(cloud.variables['AWS_DEFAULT_REGION']).toBe('us-east-1');
    expect(keptBy(cloud)).toHaveLength(1);
    expect(await cloud.end()).toBe(130);
    expect(keptBy(cloud)).toEqual([]);
  });

  it('says it as JSON, with the region and the ports that were wanted', async () => {
    const cloud = new Cloud('--json', '--region', 'eu-central-1', '--s3-port', '47123', '--ec2-port', '47124');
    await cloud.says('Ctrl-C ends it');
    expect(JSON.parse(cloud.stdout)).toEqual({
      schema: 1,
      region: 'eu-central-1',
      accessKeyId: expect.stringMatching(/^AKIA/),
      secretAccessKey: expect.any(String),
      endpoint: 'http://127.0.0.1:47123',
      ec2Endpoint: 'http://127.0.0.1:47124',
      instanceEndpoint: 'http://10.77.0.1:9000',
      ec2InstanceEndpoint: 'http://10.77.0.1:9001',
    });
    const other = await haulout(['cloud', '--ec2-port', '47124']);
    expect(other).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('another program listens') });
    expect(await cloud.end('SIGTERM')).toBe(130);
  });

  it.each([
    [['--bucket', 'X'], '--bucket'],
    [['--mirror', 'planet'], '--mirror'],
    [['--mirror', '/nowhere/at/all=s3://demo/planet'], 'is no directory'],
    [['--mirror', 'src=s3://Demo/planet'], 'no bucket of the name Demo'],
    [['--s3-port', '70000'], '--s3-port'],
    [['--ec2-port', 'x'], '--ec2-port'],
    [['--address-ports', '80,'], '--address-ports'],
    [['--region', 'somewhere else'], '--region'],
  ])('%j is refused', async (words, said) => {
    const { code, stdout, stderr } = await haulout(['cloud', ...words]);
    expect({ code, stdout, stderr }).toEqual({ code: 64, stdout: '', stderr: expect.stringContaining(said) });
  });
});

describeWith(MACHINE_NEEDS, 'haulout cloud with instances', () => {
  it('tells what is done, and Ctrl-C ends them all', async () => {
    const before = marks();
    const cloud = new Cloud('--address-ports', '47125');
    await cloud.says('Ctrl-C ends it');
    const { ec2 } = clients(cloud);
    const UserData = Buffer.from('#!/bin/sh\n(setsid sleep 1000 &)\n').toString('base64');
    const order = { ImageId: 'ami-12345678', MinCount: 1, MaxCount: 1, UserData };
    const { Instances } = await ec2.send(new RunInstancesCommand(order));
    const InstanceIds = [Instances![0]!.InstanceId!];
    const state = async () => {
      const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds }));
      return Reservations![0]!.Instances![0]!.State?.Name;
    };
    await expect.poll(state, { timeout: 20_000 }).toBe('running');
    await cloud.says('RunInstances ami-12345678');
    expect(cloud.stderr).not.toContain('DescribeInstances');
    const processes = descendants(cloud.child.pid!);
    expect(processes.length).toBeGreaterThan(2);
    expect(await cloud.end()).toBe(130);
    expect(await eventually(() => !processes.some(isAlive))).toBe(true);
    expect(marks()).toEqual(before);
  }, 60_000);

  it('when it is killed the kernel takes what runs, and the next start the files', async () => {
    const before = marks();
    const cloud = new Cloud('--address-ports', '47126');
    await cloud.says('Ctrl-C ends it');
    const { ec2 } = clients(cloud);
    const launch = new RunInstancesCommand({ ImageId: 'ami-12345678', MinCount: 1, MaxCount: 1 });
    await ec2.send(launch);
    expect(await eventually(() => descendants(cloud.child.pid!).length > 2, 20_000)).toBe(true);
    const processes = descendants(cloud.child.pid!);
    await cloud.end('SIGKILL');
    expect(await eventually(() => !processes.some(isAlive))).toBe(true);
    expect(marks()).toEqual(before);
    expect(keptBy(cloud)).toHaveLength(1);
    const next = new Cloud();
    await next.says('Ctrl-C ends it');
    expect(keptBy(cloud)).toEqual([]);
    expect(await next.end()).toBe(130);
  }, 60_000);
});
