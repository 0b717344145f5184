import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const SPEC = `[haulout]
version = 1
[files]
/etc/quiet.conf = mode=0600
[service.clock]
image = services/clock
watch = /etc/motd.small
health = 0s
`;

/** A role without packages: boots in seconds, and shows the laws as well as a large one. */
describeWith([root], 'a small world', () => {
  let role: RoleUnderTest;
  beforeAll(async () => {
    role = await RoleUnderTest.boot({
      'haulout.ini': SPEC,
      'root/etc/motd.small': 'one\n',
      'root/etc/quiet.conf': 'secret\n',
      'services/clock/bin/configure': '#!/bin/sh\necho configured >> /srv/clock.log\n',
      'services/clock/bin/start': '#!/bin/sh\necho started >> /srv/clock.log\nsleep 1000 &\n',
    });
  }, 120_000);
  afterAll(() => role?.close());

  it('boots as the bucket says', async () => {
    expect(await role.status()).toMatchObject({ health: 'healthy', role: 'role' });
    expect(await role.read('/etc/motd.small')).toBe('one\n');
    expect((await role.exec('stat -c %a /etc/quiet.conf /etc/motd.small')).stdout).toBe('600\n644\n');
    expect(await role.read('/srv/clock.log')).toBe('configured\nstarted\n');
  });

  it('syncs again as a no-op (law 1)', async () => {
    const { lastSync } = await role.sync();
    expect(lastSync).toMatchObject({ steps: 0, changed: [] });
  });

  it('follows an upload', async () => {
    await role.put('root/etc/motd.small', 'two\n');
    const { lastSync, health } = await role.sync();
    expect(health).toBe('healthy');
    expect(lastSync.changed).toEqual(['file:/etc/motd.small', 'service:clock']);
    expect(await role.read('/srv/clock.log')).toBe('configured\nstarted\nconfigured\nstarted\n');
  });

  it('tells where the time of the last round went that did something, whoever looks and starts it again since', async () => {
    const acted = async () => (await role.status()).timeline.flatMap(({ subject }) => subject ?? []);
    expect(await acted()).toEqual(['file:/etc/motd.small', 'service:clock']);
    expect(await role.sync()).toMatchObject({ lastSync: { steps: 0 } });
    expect(await acted()).toEqual(['file:/etc/motd.small', 'service:clock']);
    await role.killAgent();
    expect(await role.sync()).toMatchObject({ lastSync: { steps: 0 } });
    expect(await acted()).toEqual(['file:/etc/motd.small', 'service:clock']);
  });

  it('puts a hand edit back', async () => {
    await role.exec('echo three > /etc/motd.small');
    const { lastSync } = await role.sync();
    expect(lastSync.changed).toContain('file:/etc/motd.small');
    expect(await role.read('/etc/motd.small')).toBe('two\n');
  });

  it('keeps no more images than a way back needs', async () => {
    for (const turn of [1, 2, 3]) {
      await role.put('services/clock/bin/start', `#!/bin/sh\n# ${turn}\nsleep 1000 &\n`);
      expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { changed: ['service:clock'] } });
    }
    expect((await role.exec('ls /srv/services/.images/clock | wc -l')).stdout).toBe('1\n');
    expect((await role.exec('test -x /srv/services/clock/bin/start')).code).toBe(0);
  });
});
