import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MetadataFaults, MetadataRequest } from '../../src/cloud/metadata/handler.ts';
import type { Status } from '../../src/status/status.ts';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';
import { eventually } from '../support/scratch.ts';

const FILES = { 'haulout.ini': '[haulout]\nversion = 1\n', 'root/srv/hello.txt': 'one\n' };
const IDENTITY = '/var/lib/haulout/identity.json';

/** Asked again and again, by whoever wants to know of the end. */
const NOTICES = /\/(spot|events|autoscaling)\//;

describeWith([root], 'an agent and its metadata service', () => {
  const faults: MetadataFaults = {};
  const asked: MetadataRequest[] = [];
  let role: RoleUnderTest;
  beforeAll(async () => {
    const metadata = { faults, onRequest: (request: MetadataRequest) => asked.push(request) };
    role = await RoleUnderTest.boot(FILES, { metadata });
  }, 120_000);
  afterAll(() => role?.close());

  /** As after a boot, when nobody knows who the machine is. */
  const startAnew = async () => {
    await role.killAgent();
    await role.exec(`rm -f ${IDENTITY} /var/lib/haulout/status.json`);
    asked.length = 0;
    await role.startAgent();
  };
  const statusWhen = async (holds: (status: Status) => boolean): Promise<Status> => {
    let found: Status | undefined;
    const there = await eventually(async () => {
      found = await role.status().catch(() => undefined);
      return found !== undefined && holds(found);
    }, 60_000);
    if (!there) throw new Error(`not reached: ${JSON.stringify(found?.trouble)}\n${(await role.log()).slice(-2_000)}`);
    return found!;
  };

  it('costs a boot few requests', () => {
    const identity = asked.filter(({ path }) => !NOTICES.test(path));
    const count = (path: RegExp) => identity.filter((request) => path.test(request.path)).length;
    // The launcher and the agent each ask for a token, and for the role's keys.
    expect(count(/api\/token$/)).toBe(2);
    expect(count(/instance-identity/)).toBeLessThanOrEqual(2);
    expect(identity.length).toBeLessThanOrEqual(14);
  });

  it('is not asked who the machine is by an agent that starts again in the same boot', async () => {
    await role.killAgent();
    asked.length = 0;
    await role.startAgent();
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
    // Its public address comes and goes, and is looked at by each round.
    const aside = /token|security-credentials|public-ipv4/;
    expect(asked.map(({ path }) => path).filter((path) => !aside.test(path) && !NOTICES.test(path))).toEqual([]);
  });

  it('with a hop limit is named in the status, and the agent goes on by itself when that is mended', async () => {
    faults.hopLimit = true;
    await startAnew();
    const { trouble, timeline, health } = await statusWhen(({ trouble }) => trouble !== undefined);
    expect(trouble).toMatchObject({ code: 'metadata-hop-limit', step: 'metadata' });
    expect(trouble?.hint).toContain('HttpPutResponseHopLimit to 2');
    expect(timeline).toContainEqual(
      expect.objectContaining({ step: 'metadata', ok: false, code: 'metadata-hop-limit', ms: expect.any(Number) }),
    );
    expect(health).not.toBe('healthy');
    expect(asked.some(({ method, status }) => method === 'GET' && status === 200)).toBe(false);
    faults.hopLimit = false;
    expect(await statusWhen(({ health }) => health === 'healthy')).toMatchObject({
      instanceId: role.machine.instanceId,
    });
  });

  it('that refuses is believed, and named', async () => {
    faults.tokenStatus = 403;
    await startAnew();
    const { trouble } = await statusWhen(({ trouble }) => trouble !== undefined);
    expect(trouble).toMatchObject({ code: 'metadata-refused', reason: 'the metadata service answered 403' });
    delete faults.tokenStatus;
    await statusWhen(({ health }) => health === 'healthy');
  });

  it('that is busy is waited for, and the status says how long and why', async () => {
    faults.failFirst = 10_000;
    await startAnew();
    await pause(2_500);
    faults.failFirst = 0;
    const { waited } = await statusWhen(({ health }) => health === 'healthy');
    const wait = waited.find(({ step, code }) => step === 'metadata' && code === 'http-503');
    expect(wait).toMatchObject({ over: true });
    expect(wait?.ms).toBeGreaterThan(1_500);
    expect(wait?.ms).toBeLessThan(20_000);
  });
});

describeWith([root], 'an instance of OpenStack', () => {
  const asked: MetadataRequest[] = [];
  let role: RoleUnderTest;
  beforeAll(async () => {
    const metadata = { dialect: 'openstack', onRequest: (request: MetadataRequest) => asked.push(request) } as const;
    role = await RoleUnderTest.boot(
      { ...FILES, 'root/srv/id': '{{ instance.instanceId }} {{ instance.region }}', 'haulout.ini': OPENSTACK },
      { metadata, publicBucket: true, settings: { region: 'regionone' } },
    );
  }, 120_000);
  afterAll(() => role?.close());

  it('is its UUID everywhere, and where the settings say', async () => {
    const uuid = role.machine.instanceId;
    expect(uuid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(await role.status()).toMatchObject({ health: 'healthy', instanceId: uuid });
    expect(await role.read('/srv/id')).toBe(`${uuid} regionone`);
    expect(await role.read('/var/lib/haulout/ledger.json')).toContain(uuid);
    expect((await role.exec('haulout status')).stdout).toContain(`${uuid}  role role  healthy`);
  });

  it('has no role, so nobody asked for one twice', async () => {
    expect((await role.sync()).health).toBe('healthy');
    // The launcher looks for one; the agent knows the cloud.
    expect(asked.filter(({ path }) => path.includes('security-credentials'))).toHaveLength(1);
  });
});

describeWith([root], 'a machine that is described in a file', () => {
  it('is who the file says, asks no service, and has no keys', async () => {
    const asked: MetadataRequest[] = [];
    const plant = { '/etc/haulout/metadata.json': { content: '{"instanceId":"i-00000000000000a1"}', mode: 0o644 } };
    const metadata = { onRequest: (request: MetadataRequest) => asked.push(request) };
    const role = await RoleUnderTest.boot(FILES, { plant, metadata, publicBucket: true });
    try {
      expect(await role.status()).toMatchObject({ health: 'healthy', instanceId: 'i-00000000000000a1' });
      asked.length = 0;
      expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
      expect(asked).toEqual([]);
    } finally {
      await role.close();
    }
  }, 120_000);
});

const OPENSTACK = '[haulout]\nversion = 1\n[files]\n/srv/id = template\n';
