import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const service = (name: string, validate: string) => `[service.${name}]
image = services/${name}
watch = /etc/shared.conf
validate = ${validate}
health = 0s
`;
const SPEC = `[haulout]\nversion = 1\n${service('easy', 'true')}${service('strict', 'grep -q good /etc/shared.conf')}`;
const start = (name: string) => `#!/bin/sh\necho "${name} $(cat /etc/shared.conf)" >> /srv/log\n`;

describeWith([root], 'a file that two services have to accept', () => {
  let role: RoleUnderTest;
  beforeAll(async () => {
    role = await RoleUnderTest.boot({
      'haulout.ini': SPEC,
      'root/etc/shared.conf': 'good 1\n',
      'services/easy/bin/start': start('easy'),
      'services/strict/bin/start': start('strict'),
    });
    expect((await role.status()).health).toBe('healthy');
  }, 120_000);
  afterAll(() => role?.close());

  it('goes back when the second refuses it, although the first did not', async () => {
    await role.put('root/etc/shared.conf', 'bad 2\n');
    expect(await role.sync()).toMatchObject({ trouble: { code: 'validate-failed', subject: 'service:strict' } });
    expect(await role.read('/etc/shared.conf')).toBe('good 1\n');
    expect(await role.read('/srv/log')).toBe('easy good 1\nstrict good 1\n');
    await role.put('root/etc/shared.conf', 'good 3\n');
    expect(await role.sync()).toMatchObject({ health: 'healthy' });
    expect((await role.read('/srv/log')).split('\n').slice(2)).toEqual(['easy good 3', 'strict good 3', '']);
    expect((await role.sync()).lastSync.steps).toBe(0);
  });
});
