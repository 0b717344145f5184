import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { InstanceDescription } from '../../src/cloud/metadata/description.ts';
import type { Dialect } from '../../src/cloud/metadata/dialects.ts';
import { type Identity, isIdentity } from '../../src/metadata/provider.ts';
import { askedAt, type RunningMetadata, startMetadata } from '../support/metadata.ts';
import { rejection } from '../support/readers.ts';
import { put, scratch } from '../support/scratch.ts';
import { say, startWire } from '../support/wire.ts';

const UUID = '7f1b0c1e-58a5-4b1c-8f0a-2f4de2a1f001';
const ROLE = {
  roleName: 'planet',
  credentials: () => ({
    accessKeyId: 'ASIA1',
    secretAccessKey: 'secret',
    sessionToken: 'token',
    expiresAt: new Date('2099-01-01T00:00:00Z'),
  }),
};

/** A row per dialect: who knows it, what it cannot tell, and what a boot costs in requests there. */
interface Row {
  readonly dialect: Dialect;
  readonly provider: string;
  readonly instanceId: string;
  readonly without: Partial<Identity>;
  /** To know the identity of an instance with no tags. */
  readonly requests: number;
  readonly hasRoles: boolean;
}

const NO_TAGS = { tags: {} };
const ROWS: readonly Row[] = [
  { dialect: 'aws', provider: 'ec2', instanceId: 'i-0abcdef0000000010', without: {}, requests: 5, hasRoles: true },
  {
    dialect: 'eucalyptus-5',
    provider: 'ec2',
    instanceId: 'i-0abcdef0000000010',
    without: { ...NO_TAGS, hostname: '10.77.0.10' },
    requests: 5,
    hasRoles: true,
  },
  {
    dialect: 'eucalyptus-4',
    provider: 'ec2',
    instanceId: 'i-0abcdef0000000010',
    without: { ...NO_TAGS, hostname: '10.77.0.10' },
    requests: 5,
    hasRoles: true,
  },
  {
    dialect: 'eucalyptus-3',
    provider: 'eucalyptus',
    instanceId: 'i-0abcdef0000000010',
    without: { ...NO_TAGS, hostname: '10.77.0.10', region: '', accountId: '' },
    requests: 12,
    hasRoles: true,
  },
  {
    dialect: 'openstack',
    provider: 'openstack',
    instanceId: UUID,
    without: { region: '' },
    requests: 7,
    hasRoles: false,
  },
];

const ids = (row: Row): Partial<InstanceDescription> => ({ instanceId: row.instanceId });
const start = (row: Row, facts: Partial<InstanceDescription> = {}) =>
  startMetadata({ ...ids(row), ...facts }, 0, row.dialect);

const expected = (row: Row): Identity => ({
  instanceId: row.instanceId,
  instanceType: 't3.micro',
  imageId: 'ami-0123456789abcdef0',
  accountId: '123456789012',
  region: 'eu-central-1',
  availabilityZone: 'eu-central-1b',
  localIpv4: '10.77.0.10',
  publicIpv4: '203.0.113.7',
  hostname: 'ip-10-77-0-10.eu-central-1.compute.internal',
  tags: { Name: 'planet', role: 'web' },
  ...row.without,
});

describe.each(ROWS)('$dialect', (row) => {
  it(`is known by its ${row.provider} provider, which tells who the instance is`, async () => {
    const service = await start(row, { publicIpv4: '203.0.113.7', metadataTags: true });
    const metadata = askedAt(service.base);
    const identity = await metadata.identity();
    expect({ ...identity, tags: { ...identity.tags } }).toEqual(expected(row));
    expect([metadata.provider, isIdentity(identity)]).toEqual([row.provider, true]);
  });

  it(`costs ${row.requests} requests`, async () => {
    const service = await start(row, { tags: {} });
    await askedAt(service.base).identity();
    expect(service.log).toHaveLength(row.requests);
  });

  it.each([undefined, '', '0.0.0.0', '10.77.0.10'])(
    'an instance whose public address is %j has none',
    async (publicIpv4) => {
      const service = await start(row, publicIpv4 === undefined ? {} : { publicIpv4 });
      expect((await askedAt(service.base).identity()).publicIpv4).toBe('');
    },
  );

  it('tags are of no matter where they are switched off', async () => {
    const service = await start(row, { metadataTags: false, tags: {} });
    expect({ ...(await askedAt(service.base).identity()).tags }).toEqual({});
  });

  it('is asked again while it starts, and while it is busy', async () => {
    const service = await start(row);
    service.faults.startingMs = 300;
    service.faults.failFirst = 2;
    expect(await askedAt(service.base).identity()).toMatchObject({ instanceId: row.instanceId });
  });

  it(row.hasRoles ? 'hands out the keys of a role' : 'has no roles, and is not asked for any', async () => {
    const service = await start(row, ROLE);
    const metadata = askedAt(service.base);
    await metadata.identity();
    const before = service.log.length;
    const keys = await metadata.credentials(false);
    expect(keys?.accessKeyId).toBe(row.hasRoles ? 'ASIA1' : undefined);
    expect(service.log.length - before).toBe(row.hasRoles ? 2 : 0);
  });

  it('is not looked for again by an agent that knows its provider from before', async () => {
    const service = await start(row, ROLE);
    const metadata = askedAt(service.base, { provider: row.provider });
    expect((await metadata.credentials(false))?.accessKeyId).toBe(row.hasRoles ? 'ASIA1' : undefined);
    expect(service.log.some(({ path }) => /instance-identity|meta_data|instance-id/.test(path))).toBe(false);
  });

  it('is given up when it is gone, by name and in time', async () => {
    const service = await start(row);
    await service.stop();
    const started = performance.now();
    expect(await rejection(askedAt(service.base, { waitMs: 300 }).identity())).toMatchObject({
      code: 'metadata-unreachable',
      step: 'metadata',
    });
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});

describe('OpenStack', () => {
  it('its tree for EC2 shows another id, which is not taken', async () => {
    const service = await startMetadata({ instanceId: UUID }, 0, 'openstack');
    const shown = await (await fetch(`${service.base}/latest/meta-data/instance-id`)).text();
    expect(shown).toBe('i-7f1b0c1e');
    expect((await askedAt(service.base).identity()).instanceId).toBe(UUID);
  });

  it.each(['<html>', '{}', '{"uuid":"../../x"}', '{"uuid":"i-"}', '[]', '{"uuid":null}'])(
    'a native document that is %s is not passed over for the tree',
    async (document) => {
      const wire = await startWire((response, { url, method }) => {
        if (url === '/openstack/latest/meta_data.json') return say(response, 200, document);
        if (url === '/latest/meta-data/instance-id') return say(response, 200, 'i-0abcdef0');
        say(response, method === 'PUT' ? 405 : 404, '');
      });
      expect(await rejection(askedAt(wire.url, { waitMs: 200 }).identity())).toMatchObject({
        code: 'metadata-invalid',
      });
      expect(wire.asked.some(({ url }) => url.endsWith('/instance-id'))).toBe(false);
    },
  );
});

describe('who is chosen', () => {
  const refusing = (path: string, status: number) =>
    startWire((response, { url, method }) => {
      if (method === 'PUT') return say(response, 404, '');
      say(response, url === path ? status : 404, '');
    });

  it.each([
    ['/latest/dynamic/instance-identity/document', 403],
    ['/openstack/latest/meta_data.json', 403],
    ['/latest/dynamic/instance-identity/document', 302],
  ])('nobody after %s answered %i: a refusal is no absence', async (path, status) => {
    const wire = await refusing(path, status);
    expect(await rejection(askedAt(wire.url).identity())).toMatchObject({ code: 'metadata-refused', subject: path });
    expect(wire.asked.at(-1)?.url).toBe(path);
  });

  const EARLY = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  it.each([
    ...EARLY.map((count) => [count, 404, ''] as const),
    ...EARLY.map((count) => [count, 200, 'System is still starting up'] as const),
  ])('the same where the first %i questions come too early (%i %s)', async (early, status, words) => {
    const service = await startMetadata({ instanceId: UUID }, 0, 'openstack');
    let unknown = early;
    const wire = await startWire(async (response, { method, url }) => {
      if (method === 'PUT') return say(response, 404, '');
      if (unknown-- > 0) return say(response, status, words);
      const answer = await fetch(service.base + url);
      say(response, answer.status, Buffer.from(await answer.arrayBuffer()));
    });
    expect(await askedAt(wire.url, { waitMs: 10_000, random: () => 0.02 }).identity()).toMatchObject({
      instanceId: UUID,
      localIpv4: '10.77.0.10',
    });
  });

  it('whoever is known already, without a look at the others', async () => {
    const service = await startMetadata();
    const metadata = askedAt(service.base, { provider: 'openstack', waitMs: 100 });
    expect(await rejection(metadata.identity())).toMatchObject({ code: 'metadata-unknown' });
  });
});

describe('a file', () => {
  const inFile = (content: string) => put(join(scratch(), 'metadata.json'), content);
  const nobody = () => startMetadata();
  const told = async (content: string): Promise<[Identity, RunningMetadata]> => {
    const service = await nobody();
    return [await askedAt(service.base, { file: inFile(content) }).identity(), service];
  };

  it('says who the machine is, and nobody else is asked', async () => {
    const { publicIpv4: _, ...rest } = expected(ROWS[0]!);
    const [identity, service] = await told(JSON.stringify(rest));
    expect({ ...identity, tags: { ...identity.tags } }).toEqual({ ...rest, publicIpv4: '' });
    expect(isIdentity(identity)).toBe(true);
    expect(service.log).toEqual([]);
  });

  it('needs an instance id, and nothing more', async () => {
    const [identity] = await told(`{"instanceId":"${UUID}"}`);
    expect(identity).toMatchObject({ instanceId: UUID, region: '', localIpv4: '', hostname: '' });
    expect(isIdentity(identity)).toBe(true);
  });

  it('has no keys', async () => {
    const service = await nobody();
    const metadata = askedAt(service.base, { file: inFile(`{"instanceId":"${UUID}"}`) });
    expect(await metadata.credentials(false)).toBeUndefined();
    expect([metadata.provider, service.log]).toEqual(['file', []]);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['a list', '[]'],
    ['no id', '{}'],
    ['an id that is a path', '{"instanceId":"../../x"}'],
    ['an address that is none', `{"instanceId":"${UUID}","localIpv4":"10.0.0.700"}`],
    ['a region of two words', `{"instanceId":"${UUID}","region":"eu central"}`],
    ['a field that is misspelt', `{"instanceId":"${UUID}","regoin":"eu-central-1"}`],
    ['too much', `{"instanceId":"${UUID}","hostname":"${'x'.repeat(70_000)}"}`],
  ])('that holds %s is refused by name: the service is not asked instead', async (_what, content) => {
    const service = await nobody();
    const file = inFile(content);
    const error = await rejection(askedAt(service.base, { file }).identity());
    expect(error).toMatchObject({ code: 'metadata-invalid', subject: `file:${file}`, step: 'metadata' });
    expect(service.log).toEqual([]);
  });

  it('that is a directory is refused', async () => {
    expect(await rejection(askedAt('http://127.0.0.1:9', { file: scratch() }).identity())).toMatchObject({
      code: 'metadata-invalid',
    });
  });
});
