import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BucketWriter } from '../../src/aws/write.ts';
import type { LaunchRecord } from '../../src/cli/launch/launch-record.ts';
import { LaunchRecords } from '../../src/cli/launch/launch-records.ts';
import { Journal } from '../../src/cli/swap/journal.ts';
import { LocalCloud, type LocalKey, type Machine, type Policy } from '../../src/cloud/local.ts';
import type { RequestLogEntry } from '../../src/cloud/s3/server.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { sha256 } from '../../src/lib/digest.ts';
import type { Status } from '../../src/status/status.ts';
import { haulout } from '../support/cli.ts';
import { describeWith, root } from '../support/needs.ts';
import { nodeLike } from '../support/node-like.ts';
import { lessThan } from '../support/policies.ts';
import { readerAt } from '../support/readers.ts';
import { dist } from '../support/role.ts';
import { roleForAll, TINY, testDirectory } from '../support/role-files.ts';
import { eventually } from '../support/scratch.ts';

const BUCKET = 'fleet';
const ROLE = `s3://${BUCKET}/tiny`;
/** Looks at the bucket when it is called, and never by itself: a look in between would pass for a call that was heard. */
const CALLED = { ...TINY, 'haulout.ini': TINY['haulout.ini']!.replace('upgrade', 'schedule = 0 0 1 1 *\nupgrade') };
const WAKE = '.haulout/wake';

/** What is taken away in tests of its own. */
const ELSEWHERE = /^(ReadWhatRunsIt|HearTheDesk)/;

type RoleKey = LocalKey & { readonly sessionToken: string };

/** The policies that `haulout doctor --policy` prints, held by the keys of a real instance and of the desk. */
describeWith([root], 'the least policies', () => {
  const place = testDirectory();
  const directory = roleForAll(join(place, 'tiny'), CALLED);
  const node = join(place, 'node');
  const log: RequestLogEntry[] = [];
  let cloud: LocalCloud;
  let machine: Machine;
  let roleKey: RoleKey;
  let deskKey: LocalKey;
  let instance: Policy;
  let desk: Policy;
  let script: Buffer;
  const LAUNCH: string[] = [];

  const environment = ({ accessKeyId, secretAccessKey }: LocalKey) => ({
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_ENDPOINT_URL_S3: cloud.endpoint,
    AWS_REGION: cloud.region,
    HAULOUT_METADATA: 'http://127.0.0.1:1',
  });
  const atDesk = (...words: string[]) => haulout(words, { env: environment(deskKey) });
  const inside = (line: string) => machine.exec(['/bin/sh', '-c', line], { keepBytes: 4_000_000 });
  const printed = async (whom: string): Promise<Policy> => {
    const { stdout } = await haulout(['doctor', ROLE, '--policy', whom], { env: environment(cloud) });
    return JSON.parse(stdout) as Policy;
  };

  beforeAll(async () => {
    cloud = await LocalCloud.open({ gatewayScript: join(dist, 'gateway.mjs'), onRequest: (entry) => log.push(entry) });
    const mirror = await cloud.mirror(directory, BUCKET, 'tiny');
    await mirror.close();
    await writeFile(node, nodeLike('x64', '24.21.0'));
    instance = await printed('instance');
    desk = await printed('desk');
    deskKey = cloud.keys.add({ policy: desk });
    roleKey = cloud.keys.addRole(instance);
    LAUNCH.push('userdata', ROLE, '--settle', '0s', '--instance-endpoint-url', cloud.instanceEndpoint);
    const { code, bytes, stderr } = await atDesk(...LAUNCH);
    expect(code, stderr).toBe(0);
    script = bytes;
    machine = await cloud.launch({ role: 'tiny', userData: script, credentials: roleKey });
  }, 60_000);
  afterAll(() => cloud?.close(), 60_000);

  it('suffice: the instance boots, converges and tells its status', async () => {
    await touch(); // as the first upload does: to those who may not list, what is missing is forbidden
    const isTold = () => cloud.s3.list(BUCKET, '.haulout/').length === 4;
    expect(await eventually(isTold, 60_000), (await inside('cat /var/log/haulout/agent.log')).output).toBe(true);
    const keys = cloud.s3.list(BUCKET, '.haulout/').map(({ key }) => key);
    expect(keys.filter((key) => key.includes(machine.instanceId))).toHaveLength(2);
    expect(await sync()).toMatchObject({ health: 'healthy' });
    expect(refusals(roleKey)).toEqual([]);
  }, 90_000);

  it('suffice: userdata, an upload, plan --against, fleet and doctor', async () => {
    expect(await workAtDesk()).toEqual([]);
    expect(refusals(deskKey)).toEqual([]);
  }, 60_000);

  it('less does not do for the instance: each part that is gone is missed', async () => {
    const missed: Record<string, string> = {};
    for (const { name, policy } of lessThan(instance).filter(({ name }) => !ELSEWHERE.test(name))) {
      cloud.keys.add({ ...roleKey, policy: instance });
      if (name.startsWith('TellOfItself')) expect(await change(), 'with all of it again').toBe('');
      cloud.keys.add({ ...roleKey, policy });
      missed[name] = await change();
    }
    cloud.keys.add({ ...roleKey, policy: instance });
    expect(await change(), 'with all of it again').toBe('');
    expect(missed).toEqual({
      'ReadTheRole: s3:prefix tiny/': 'bucket: ListObjects was answered 403 AccessDenied',
      'ReadTheRole: s3:prefix tiny/root/': 'bucket: ListObjects was answered 403 AccessDenied',
      'ReadTheRole: s3:prefix tiny/services/': 'bucket: ListObjects was answered 403 AccessDenied',
      'ReadTheContent: tiny/haulout.ini': 'bucket: GetObject was answered 403 AccessDenied',
      'ReadTheContent: tiny/root/*': 'bucket: GetObject was answered 403 AccessDenied',
      'ReadTheContent: tiny/services/*': 'bucket: GetObject was answered 403 AccessDenied',
      'TellOfItself: .haulout/instances/tiny/*': 'the status in the bucket is of before',
      'TellOfItself: .haulout/facts/tiny/*': 'the facts in the bucket are of before',
    });
  }, 180_000);

  it('less does not do to hear the desk', async () => {
    const isCalled = async () => {
      const { startedAt } = (await status()).lastSync;
      const refused = refusals(roleKey).length;
      await touch();
      const follows = async () => (await status()).lastSync.startedAt !== startedAt;
      expect(await eventually(async () => refusals(roleKey).length > refused || (await follows()), 40_000)).toBe(true);
      return await follows();
    };
    const [without] = lessThan(instance).filter(({ name }) => name.startsWith('HearTheDesk'));
    expect(without?.name).toBe('HearTheDesk: s3:GetObject .haulout/wake');
    expect(await isCalled()).toBe(true);
    cloud.keys.add({ ...roleKey, policy: without!.policy });
    expect(await isCalled()).toBe(false);
    cloud.keys.add({ ...roleKey, policy: instance });
  }, 90_000);

  it('less does not do for the launcher: without the agent nothing boots, nor without a Node', async () => {
    const parts = lessThan(instance).filter(({ name }) => name.startsWith('ReadWhatRunsIt'));
    expect(parts.map(({ name }) => name.split(': ')[1])).toEqual(['.haulout/agent/*', '.haulout/runtime/*']);
    await bootLess(parts[0]!.policy, { withoutNode: false, asked: '.haulout/agent/' });
    await bootLess(parts[1]!.policy, { withoutNode: true, asked: '.haulout/runtime/' });
  }, 90_000);

  it('less does not do for the desk: each part that is gone is missed', async () => {
    const missed: Record<string, readonly string[]> = {};
    for (const { name, policy } of [...lessThan(desk), narrower()]) {
      cloud.keys.add({ ...deskKey, policy });
      missed[name] = await workAtDesk();
    }
    cloud.keys.add({ ...deskKey, policy: desk });
    expect(missed).toEqual({
      'SeeTheBucket: s3:ListBucket fleet': [
        'runtime',
        'fleet',
        'upload: list',
        'push',
        'launch',
        'doctor: list',
        'doctor: runtime',
        'doctor: content',
      ],
      'SeeTheBucket: what is below tiny/': ['runtime', 'fleet', 'launch', 'push: whom', 'doctor: runtime'],
      'UploadTheRole: s3:GetObject': ['doctor: read', 'doctor: content'],
      'UploadTheRole: s3:PutObject': ['upload: put', 'push'],
      'UploadTheRole: s3:DeleteObject': ['upload: delete'],
      'UploadWhatRunsMachines: s3:GetObject': ['runtime', 'doctor: agent', 'doctor: runtime'],
      'UploadWhatRunsMachines: s3:PutObject': ['userdata', 'runtime'],
      'UploadWhatRunsMachines: .haulout/agent/*': ['userdata', 'doctor: agent'],
      'UploadWhatRunsMachines: .haulout/runtime/*': ['runtime', 'doctor: runtime'],
      'ReadWhatMachinesTell: .haulout/instances/tiny/*': ['fleet'],
      'ReadWhatMachinesTell: .haulout/facts/tiny/*': ['plan'],
      'CallMachines: s3:GetObject': ['push: whom'],
      'CallMachines: s3:PutObject': ['push'],
      'KeepOperations: s3:GetObject': ['launch', 'swap'],
      'KeepOperations: s3:PutObject': ['launch', 'swap'],
      'KeepOperations: s3:DeleteObject': ['launch'],
      'TryTheStore: s3:GetObject': ['doctor: conditions'],
      'TryTheStore: s3:PutObject': ['doctor: write', 'doctor: conditions'],
      'TryTheStore: s3:DeleteObject': ['doctor: delete'],
    });
  }, 180_000);

  /** Listing the role is not enough: what is missing elsewhere would be forbidden, and nothing new could begin. */
  function narrower(): { name: string; policy: Policy } {
    const statements = [desk.Statement].flat().map((statement) => {
      const Condition = { StringLike: { 's3:prefix': 'tiny/*' } };
      return statement.Action === 's3:ListBucket' ? { ...statement, Condition } : statement;
    });
    return { name: 'SeeTheBucket: what is below tiny/', policy: { ...desk, Statement: statements } };
  }

  /** A machine whose role may not read what it boots with: it asks, is refused, and runs no agent. */
  async function bootLess(policy: Policy, { withoutNode, asked }: { withoutNode: boolean; asked: string }) {
    const key = cloud.keys.addRole(policy);
    const userData = withoutNode ? (await atDesk(...LAUNCH, '--runtime', `x64=${'0'.repeat(64)}`)).bytes : script;
    const second = await cloud.launch({ role: 'tiny', userData, credentials: key, withoutNode });
    expect(await eventually(() => refusals(key).some((line) => line.includes(asked)), 30_000)).toBe(true);
    expect((await second.exec(['/usr/bin/test', '-e', '/var/lib/haulout/agent'])).code).toBe(1);
    await second.terminate();
  }

  async function sync(): Promise<Status> {
    const { stdout, output } = await inside('haulout sync --json');
    expect(stdout, output).not.toBe('');
    return JSON.parse(stdout) as Status;
  }

  async function status(): Promise<Status> {
    return JSON.parse((await inside('cat /var/lib/haulout/status.json')).stdout) as Status;
  }

  let touches = 0;

  async function touch(): Promise<void> {
    await cloud.s3.put(BUCKET, WAKE, { bytes: Buffer.from(`${++touches}`) });
  }

  let changes = 0;

  /** A new spec, a new file and a new hook are uploaded; what the instance missed of them, in words. */
  async function change(): Promise<string> {
    const mark = `# ${++changes}\n`;
    for (const path of ['haulout.ini', 'root/srv/hello.txt', 'services/hello/bin/start']) {
      const bytes = Buffer.concat([await readFile(join(directory, path)), Buffer.from(mark)]);
      await cloud.s3.put(BUCKET, `tiny/${path}`, { bytes });
    }
    const before = await told();
    const refused = refusals(roleKey).length;
    const { trouble } = await sync();
    if (trouble) return `${trouble.step}: ${trouble.reason}`;
    const isNew = async (kind: 'instances' | 'facts') => (await told())[kind] !== before[kind];
    const isDone = async () =>
      refusals(roleKey).length > refused || ((await isNew('instances')) && (await isNew('facts')));
    expect(await eventually(isDone, 20_000)).toBe(true);
    if (!(await isNew('instances'))) return 'the status in the bucket is of before';
    return (await isNew('facts')) ? '' : 'the facts in the bucket are of before';
  }

  async function told(): Promise<Record<'instances' | 'facts', string>> {
    const read = async (kind: string) =>
      sha256((await cloud.s3.get(BUCKET, `.haulout/${kind}/tiny/${machine.instanceId}.json`, 1e7)) ?? '');
    return { instances: await read('instances'), facts: await read('facts') };
  }

  /** All that the desk does; what of it did not work. */
  async function workAtDesk(): Promise<readonly string[]> {
    const state = `s3://${BUCKET}/.haulout`;
    for (const { key } of cloud.s3.list(BUCKET, '.haulout/runtime/')) await cloud.s3.delete(BUCKET, key);
    const [launch, runtime, plan, fleet, looked, uploaded] = await Promise.all([
      atDesk('userdata', ROLE),
      atDesk('runtime', 'add', ROLE, '--from', node),
      atDesk('plan', directory, '--against', machine.instanceId, '--state', state),
      atDesk('fleet', ROLE, '--exit-code'),
      atDesk('doctor', ROLE, '--json'),
      upload(),
    ]);
    // What differs from the directory, so that there is something to push.
    await cloud.s3.put(BUCKET, 'tiny/root/srv/hello.txt', { bytes: Buffer.from('before the push\n') });
    await cloud.s3.delete(BUCKET, WAKE);
    const pushed = await atDesk('push', directory, ROLE, '--no-watch');
    const calls = Buffer.from((await cloud.s3.get(BUCKET, WAKE, 1e4)) ?? []).toString();
    const { findings } = JSON.parse(looked.stdout) as { findings: { check: string; result: string }[] };
    const ill = findings.filter(({ check, result }) => result !== 'ok' && check !== 'endpoint');
    return [
      ...(launch.code === 0 ? [] : ['userdata']),
      ...(runtime.code === 0 ? [] : ['runtime']),
      ...(plan.code === 0 ? [] : ['plan']),
      ...(fleet.code === 0 && fleet.stdout.includes(machine.instanceId) ? [] : ['fleet']),
      ...uploaded,
      ...(pushed.code === 0 ? [] : ['push']),
      ...(await keepLaunch()),
      ...(calls.includes('"roles":["tiny"]') || calls === '' ? [] : ['push: whom']),
      ...(await keepSwap()),
      ...new Set(ill.map(({ check }) => `doctor: ${check}`)),
    ];
  }

  /** What a launch asks of the bucket; what it asks of EC2 no policy of the local cloud knows. */
  async function keepLaunch(): Promise<readonly string[]> {
    const { accessKeyId, secretAccessKey } = deskKey;
    const credentials = { accessKeyId, secretAccessKey };
    const endpoint = { url: cloud.endpoint, region: cloud.region };
    const writer = new BucketWriter({ endpoint, credentials });
    const reader = readerAt(cloud.endpoint, { endpoint, bucket: BUCKET, credentials: async () => credentials });
    const records = new LaunchRecords(writer, reader, { bucket: BUCKET, prefix: '.haulout' }, 'tiny');
    const owner = { host: 'desk', pid: 1, id: 'x', at: new Date().toISOString() };
    const about = { token: 't', role: 'tiny', count: 1, wish: sha256(''), region: cloud.region, owner };
    const record: LaunchRecord = { schema: 1, ...about };
    const kept = async () => {
      await records.write(record);
      expect((await records.find()).records).toEqual([record]);
      await records.remove('t');
    };
    const failed = await kept().then(
      () => [],
      () => ['launch'],
    );
    writer.close();
    return failed;
  }

  /** The same of a swap. */
  async function keepSwap(): Promise<readonly string[]> {
    const { accessKeyId, secretAccessKey } = deskKey;
    const endpoint = { url: cloud.endpoint, region: cloud.region };
    const writer = new BucketWriter({ endpoint, credentials: { accessKeyId, secretAccessKey } });
    const journal = new Journal(writer, { bucket: BUCKET, prefix: '.haulout' }, machine.instanceId, systemClock);
    const about = { token: 't', role: 'tiny', old: machine.instanceId, startedAt: '', like: {}, tags: {} };
    const kept = async () => {
      await journal.open(() => undefined);
      await journal.write({ schema: 1, step: 'done', holdMs: 0, timeoutMs: 0, proveMs: 0, ...about });
    };
    const failed = await kept().then(
      () => [],
      () => ['swap'],
    );
    journal.close();
    writer.close();
    return failed;
  }

  /** What any tool that mirrors a directory asks: list, put, delete. */
  async function upload(): Promise<readonly string[]> {
    const { accessKeyId, secretAccessKey } = deskKey;
    const credentials = { accessKeyId, secretAccessKey };
    const { S3Client, ListObjectsV2Command, DeleteObjectCommand } = await import('@aws-sdk/client-s3');
    const endpoint = { url: cloud.endpoint, region: cloud.region };
    const writer = new BucketWriter({ endpoint, credentials });
    const client = new S3Client({ endpoint: cloud.endpoint, region: cloud.region, forcePathStyle: true, credentials });
    const steps = {
      list: () => client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: 'tiny/' })),
      put: () => writer.put(BUCKET, 'tiny/root/srv/new.txt', Buffer.from('new')),
      delete: () => client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'tiny/root/srv/new.txt' })),
    };
    const failed: string[] = [];
    for (const [name, step] of Object.entries(steps)) await step().catch(() => failed.push(`upload: ${name}`));
    writer.close();
    client.destroy();
    return failed;
  }

  function refusals({ accessKeyId }: LocalKey): string[] {
    const refused = log.filter((entry) => entry.accessKeyId === accessKeyId && entry.status === 403);
    return refused.map(({ operation, key }) => `${operation} ${key ?? ''}`);
  }
});
