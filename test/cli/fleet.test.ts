import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Status } from '../../src/status/status.ts';
import { haulout } from '../support/cli.ts';
import { type FleetStore, fleetStore, HOSTILE, KINDS, NEW, NOW, OLD, statusOf } from '../support/fleet.ts';

const FLEET = 's3://my-bucket';
const HEADER = 'INSTANCE             ROLE    CONTENT                 HEALTH      AGE    SEEN  ADDRESS   FAILING\n';
const TABLE = `${HEADER}i-01057000000000005  planet  a0a950209ab6            lost        4d00h  27s   10.0.0.5  lease ran out 12m ago
i-0fa11ed0000000004  planet  none behind             failed      4d00h  27s   10.0.0.4  packages: package:nginx [packages-failed]
i-0de9bad0000000003  planet  a0a950209ab6 set-aside  degraded    4d00h  27s   10.0.0.3  service: service:planet [hook-failed]
i-0d2a1000000000006  planet  a0a950209ab6            draining    4d00h  27s   10.0.0.6  spot notice, until 2025-06-01T10:07:10.000Z
i-0c0e0000000000007  planet  a0a950209ab6 behind     converging  4d00h  27s   10.0.0.7
i-0a11ce00000000002  db      a0a950209ab6            healthy     4d00h  27s   10.0.0.2
i-0a11ce00000000001  planet  a0a950209ab6            healthy     4d00h  27s   10.0.0.1
i-0e4ded00000000008  planet  a0a950209ab6            ended       4d00h  27s   10.0.0.8  shutdown notice
`;

interface Told {
  readonly schema: number;
  readonly state: string;
  readonly at: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly instances: readonly { readonly instanceId: string; readonly condition: string }[];
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

async function storeForTest(statuses?: readonly Status[]): Promise<FleetStore> {
  const store = await fleetStore(statuses);
  onTestFinished(() => store.close());
  return store;
}

const told = async (store: FleetStore, ...words: string[]): Promise<Told> =>
  JSON.parse((await store.run('fleet', FLEET, '--json', ...words)).stdout) as Told;

describe('haulout fleet', () => {
  let store: FleetStore;
  beforeAll(async () => {
    store = await fleetStore();
  });
  afterAll(() => store.close());

  it('is a table, worst first, and a word of what to do next', async () => {
    const { code, stdout, stderr } = await store.run('fleet', FLEET, '--all');
    expect({ code, stdout }).toEqual({ code: 0, stdout: TABLE });
    expect(stderr).toBe(
      'haulout: s3://my-bucket/.haulout: 8 instances: 1 lost, 1 failed, 1 degraded, 1 draining, 1 converging, 2 healthy, 1 ended\n' +
        'haulout: next: haulout explain i-01057000000000005 s3://my-bucket/.haulout\n',
    );
  });

  it('leaves out who has said goodbye, and says so', async () => {
    const { stdout, stderr } = await store.run('fleet', FLEET);
    expect(stdout).not.toContain('i-0e4ded00000000008');
    expect(stderr).toContain('1 ended (the ended are shown by --all)');
  });

  it('costs one request for the listing, and one for each instance', async () => {
    const before = store.log.length;
    await store.run('fleet', FLEET);
    const asked = store.log.slice(before).filter(({ status }) => status === 200);
    expect(asked.map(({ operation }) => operation).sort()).toEqual([...KINDS.map(() => 'GetObject'), 'ListObjectsV2']);
  });

  it('says the same as JSON', async () => {
    const { schema, state, at, counts, instances, unreadable } = await told(store, '--all');
    expect({ schema, state, at, unreadable }).toEqual({
      schema: 1,
      state: 's3://my-bucket/.haulout',
      at: new Date(NOW).toISOString(),
      unreadable: [],
    });
    expect(instances.map(({ instanceId }) => instanceId)).toEqual(
      [...KINDS]
        .map((kind) => `${kind.role}/${kind.instanceId}`)
        .sort()
        .map((name) => name.split('/')[1]),
    );
    expect(counts).toEqual({
      lost: 1,
      failed: 1,
      degraded: 1,
      draining: 1,
      converging: 1,
      healthy: 2,
      ended: 1,
      unreadable: 0,
    });
    expect(instances.find(({ condition }) => condition === 'degraded')).toEqual({
      instanceId: 'i-0de9bad0000000003',
      role: 'planet',
      condition: 'degraded',
      health: 'degraded',
      content: { wanted: NEW, active: OLD, setAside: NEW },
      lease: { state: 'active', expires: '2025-06-01T10:15:30.000Z' },
      heard: '2025-06-01T10:05:03.000Z',
      bootedAt: '2025-05-28T09:15:30.000Z',
      publicIpv4: '',
      localIpv4: '10.0.0.3',
      instanceType: 't3.micro',
      availabilityZone: 'eu-west-1a',
      agent: '0.1.0',
      lastSync: { startedAt: '2025-06-01T10:05:00.000Z', ms: 6420, steps: 2 },
      failing: { step: 'service', subject: 'service:planet', code: 'hook-failed' },
    });
  });

  it.each([
    ['the state itself', ['s3://my-bucket/.haulout'], 7],
    ['the prefix of a role', ['s3://my-bucket/db'], 1],
    ['the prefix of a role, further down', ['s3://my-bucket/envs/db'], 1],
    ['--role', ['s3://my-bucket', '--role', 'db'], 1],
  ])('takes %s', async (_what, words, count) => {
    const { stdout } = await store.run('fleet', ...words);
    expect(stdout.trimEnd().split('\n')).toHaveLength(count + 1);
  });

  it('takes a state of any name, when machines have written there', async () => {
    const status = statusOf('i-0a11ce0000000000a');
    const bytes = Buffer.from(JSON.stringify(status));
    await store.endpoint.put('my-bucket', `ops/state/instances/planet/${status.instanceId}.json`, { bytes });
    const { stdout, stderr } = await store.run('fleet', 's3://my-bucket/ops/state');
    expect(stdout).toContain(status.instanceId);
    expect(stderr).toContain('s3://my-bucket/ops/state: 1 instance: 1 healthy');
  });

  it('shows more with --wide', async () => {
    const [head, first] = (await store.run('fleet', FLEET, '--wide')).stdout.split('\n');
    expect(head).toMatch(/PRIVATE +TYPE +ZONE +AGENT +LEASE +SYNC +FAILING$/);
    expect(first).toMatch(/10\.0\.0\.5 +t3\.micro +eu-west-1a +0\.1\.0 +0s +0\.8s +lease ran out/);
  });

  it('ends 2 with --exit-code when one is not well', async () => {
    expect((await store.run('fleet', FLEET, '--exit-code')).code).toBe(2);
    expect((await store.run('fleet', 's3://my-bucket/db', '--exit-code')).code).toBe(0);
  });

  it.each([
    ['what is no address', ['planet'], 64],
    ['what is no role', [FLEET, '--role', '../x'], 64],
    ['a bucket that is not there', ['s3://nowhere'], 69],
    ['a store that is not there', [FLEET, '--endpoint-url', 'http://127.0.0.1:1'], 69],
  ])(
    'refuses %s',
    async (_what, words, code) => {
      const result = await store.run('fleet', ...words);
      expect(result).toMatchObject({ code, stdout: '' });
      expect(result.stderr).toMatch(/^haulout: [a-z]+: .+\nhaulout: next: .+\n$/);
    },
    90_000,
  );

  it('does not promise that a store which does not answer is asked again: nobody does that at the desk', async () => {
    const { stderr } = await store.run('fleet', FLEET, '--endpoint-url', 'http://127.0.0.1:1');
    expect(stderr).toMatch(/did not get through \(ECONNREFUSED\)\n.*next: ask the doctor, who looks from here: .*\n$/);
  });

  it('says that these keys may not list, and who knows more', async () => {
    const env = { ...store.env, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' };
    const { code, stderr } = await haulout(['fleet', FLEET], { env });
    expect(code).toBe(69);
    expect(stderr).toMatch(
      /403 AccessDenied\nhaulout: next: ask the doctor, .*haulout doctor s3:\/\/my-bucket\/ROLE\n$/,
    );
  });
});

describe('a lease', () => {
  it('that runs out makes an instance lost, whatever it said', async () => {
    const store = await storeForTest([statusOf('i-0a11ce00000000001')]);
    const condition = async () => (await told(store)).instances.map((one) => one.condition);
    expect(await condition()).toEqual(['healthy']);
    store.pass(599_000);
    expect(await condition()).toEqual(['healthy']);
    store.pass(1_000);
    expect(await condition()).toEqual(['lost']);
    expect((await store.run('fleet', FLEET, '--exit-code')).code).toBe(2);
  });

  it('is held against the clock of the store, wherever that of its instance stands', async () => {
    const shifted = (status: Status, ms: number): Status => ({
      ...status,
      at: new Date(Date.parse(status.at) + ms).toISOString(),
      lease: { ...status.lease!, expires: new Date(Date.parse(status.lease!.expires) + ms).toISOString() },
    });
    const store = await storeForTest([]);
    await store.tell(shifted(statusOf('i-0a11ce00000000001'), -20 * 365 * 86_400_000));
    await store.tell(shifted(statusOf('i-0a11ce00000000002'), 20 * 365 * 86_400_000));
    expect((await told(store)).instances.map(({ condition }) => condition)).toEqual(['healthy', 'healthy']);
    store.pass(628_000);
    expect((await told(store)).instances.map(({ condition }) => condition)).toEqual(['lost', 'lost']);
    expect((await store.run('explain', 'i-0a11ce00000000001', FLEET)).stdout).toContain(
      'its lease ran out 2025-06-01T10:15:57.000Z, 1s ago',
    );
  });

  it('that nobody has, as of an older agent, leaves its word as it is', async () => {
    const { lease: _, ...old } = statusOf('i-0a11ce00000000001');
    const store = await storeForTest([old]);
    store.pass(86_400_000);
    expect((await store.run('fleet', FLEET)).stdout).toMatch(/healthy +5d00h +1d00h/);
  });

  it('of who drains runs out too; a goodbye never does', async () => {
    const store = await storeForTest(KINDS.filter(({ lease }) => lease?.state !== 'active'));
    store.pass(3_600_000);
    const found = (await told(store, '--all')).instances.map((one) => one.condition).sort();
    expect(found).toEqual(['ended', 'lost']);
  });
});

describe('where nobody is', () => {
  it('it says so, and what to do', async () => {
    const store = await storeForTest([]);
    const { code, stdout, stderr } = await store.run('fleet', FLEET, '--exit-code');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toBe(
      'haulout: s3://my-bucket/.haulout: no instance has told of itself\n' +
        'haulout: next: haulout doctor s3://my-bucket/ROLE says whether instances may write there\n',
    );
    expect(await told(store)).toMatchObject({ schema: 1, counts: { unreadable: 0 }, instances: [], unreadable: [] });
  });
});

describe('what is no status', () => {
  const ID = 'i-0a11ce00000000001';
  it.each([
    ['a name of another kind', 'planet/readme.txt', 'x', 'its name is not ROLE/INSTANCE.json'],
    ['no JSON', `planet/${ID}.json`, '{', 'it is no JSON'],
    [
      'of another instance',
      `planet/${ID}.json`,
      JSON.stringify(statusOf('i-0a11ce00000000002')),
      'it says that it is another instance',
    ],
    ['of another role', `web/${ID}.json`, JSON.stringify(statusOf(ID)), 'it says that it is of another role'],
    ['of a newer haulout', `planet/${ID}.json`, '{"schema":2}', 'it was written by a newer haulout'],
    ['too large', `planet/${ID}.json`, ' '.repeat(1024 * 1024 + 1), 'it has 1048577 bytes'],
  ])('is listed with the reason: %s', async (_what, path, text, reason) => {
    const store = await storeForTest([]);
    await store.put(path, text);
    const before = store.log.length;
    expect((await told(store)).unreadable).toMatchObject([{ path, reason }]);
    const fetched = store.log.slice(before).filter(({ operation }) => operation === 'GetObject');
    expect(fetched.length).toBe(reason.startsWith('it has') || reason.startsWith('its name') ? 0 : 1);
    const { code, stdout, stderr } = await store.run('fleet', FLEET, '--exit-code');
    expect(code).toBe(2);
    expect(stdout).toContain(`${path}  -`);
    expect(stdout).toContain(`  ${reason}\n`);
    expect(stderr).toContain('0 instances: 1 unreadable');
  });

  it('and is hostile, shows as text', async () => {
    const store = await storeForTest([HOSTILE]);
    await store.put('planet/\u001b[2J\u202e\u009b31m.json', '{}');
    for (const words of [
      ['fleet', FLEET],
      ['fleet', FLEET, '--json'],
      ['explain', ID, FLEET],
      ['explain', ID, FLEET, '--json'],
    ]) {
      const { code, stdout, stderr } = await store.run(...words);
      expect(code, words.join(' ')).toBe(0);
      expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
      expect(stdout).toContain(words.includes('--json') ? '\\u001b[2J' : '\\x1b[2J');
      expect(stdout).toContain('\\u202e');
    }
  });
});
