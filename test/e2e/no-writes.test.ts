import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { BUCKET, type RoleOptions, RoleUnderTest } from '../support/role.ts';

const FILES = { 'haulout.ini': '[haulout]\nversion = 1\n', 'root/etc/walrus.conf': 'one\n' };
const CASES: readonly { title: string; options: RoleOptions; says: string }[] = [
  {
    title: 'an instance without credentials, in front of a public bucket',
    options: { settings: { anonymous: true }, publicBucket: true, credentials: false },
    says: 'has no credentials',
  },
  {
    title: 'an instance whose writes are refused',
    options: { faults: ({ method }) => (method === 'PUT' ? { status: 403, code: 'AccessDenied' } : undefined) },
    says: 'the bucket refuses',
  },
];

for (const { title, options, says } of CASES) {
  describeWith([root], title, () => {
    let role: RoleUnderTest;
    beforeAll(async () => {
      role = await RoleUnderTest.boot(FILES, options);
    }, 120_000);
    afterAll(() => role?.close());

    it('boots and follows uploads all the same', async () => {
      expect((await role.status()).health).toBe('healthy');
      await role.put('root/etc/walrus.conf', 'two\n');
      expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { changed: ['file:/etc/walrus.conf'] } });
    });

    it('says once that its status stays on its disk, however often that changes', async () => {
      for (const content of ['three\n', 'four\n']) {
        await role.put('root/etc/walrus.conf', content);
        await role.sync();
      }
      expect((await role.log()).split(says)).toHaveLength(2);
      expect(role.cloud.s3.list(BUCKET, '.haulout/instances/')).toEqual([]);
    });
  });
}

describeWith([root], 'an instance that may write', () => {
  let role: RoleUnderTest;
  beforeAll(async () => {
    role = await RoleUnderTest.boot(FILES);
  }, 120_000);
  afterAll(() => role?.close());

  it('keeps its status in the bucket, and writes it again only when there is news', async () => {
    const key = `.haulout/instances/role/${role.machine.instanceId}.json`;
    const held = async () => {
      const bytes = await role.cloud.s3.get(BUCKET, key, 1_000_000);
      return bytes ? JSON.parse(Buffer.from(bytes).toString()) : undefined;
    };
    await role.sync();
    const first = await held();
    const lease = { generation: 1, state: 'active' };
    const instance = { localIpv4: role.machine.address, region: role.cloud.region };
    expect(first).toMatchObject({ health: 'healthy', instanceId: role.machine.instanceId, lease, instance });
    await role.sync();
    expect(await held()).toEqual(first);
    await role.put('root/etc/walrus.conf', 'two\n');
    await role.sync();
    expect((await held()).lastSync.changed).toEqual(['file:/etc/walrus.conf']);
  });
});
