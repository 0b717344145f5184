import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const STATE = '/var/lib/haulout';

/** What a site with a digest in each name uploads: every release has other files. */
describeWith([root], 'the state of an instance, upload after upload', () => {
  let role: RoleUnderTest;
  beforeAll(async () => {
    role = await RoleUnderTest.boot({ 'haulout.ini': '[haulout]\nversion = 1\n', 'root/srv/www/app.0.js': '0\n' });
  }, 120_000);
  afterAll(() => role?.close());

  it('holds what is in the bucket, and not what was', async () => {
    for (let release = 1; release <= 4; release++) {
      await role.put(`root/srv/www/app.${release}.js`, `${release}\n`);
      await role.delete(`root/srv/www/app.${release - 1}.js`);
      expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 1 } });
    }
    expect(await readdir(role.path('/srv/www'))).toHaveLength(5);
    const ledger = JSON.parse(await role.read(`${STATE}/ledger.json`));
    expect(Object.keys(ledger.subjects)).toEqual(['file:/srv/www/app.4.js']);
    expect(await readdir(role.path(`${STATE}/objects`))).toHaveLength(2);
    expect((await role.sync()).lastSync.steps).toBe(0);
  });

  it('cuts what the agent has said where there is no journal', async () => {
    await role.exec(
      'yes "what the agent said" | head -n 60000 >> /var/log/haulout/agent.log; echo last >> /var/log/haulout/agent.log',
    );
    await role.sync();
    const log = await role.log();
    expect(log.length).toBeLessThan(300_000);
    expect(log).toContain('said\nlast\n');
  });
});
