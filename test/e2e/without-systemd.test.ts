import { afterAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { BUCKET, RoleUnderTest, SCRIPT } from '../support/role.ts';
import { eventually } from '../support/scratch.ts';

const FILES = {
  'haulout.ini': '[haulout]\nversion = 1\n[service.app]\nimage = services/app\nhealth = 0s\n',
  'services/app/bin/start': '#!/bin/sh\nsleep 77103 &\n',
};

describeWith([root], 'a machine without systemd', () => {
  let role: RoleUnderTest;
  afterAll(() => role?.close());

  it('is one although a generator left its directories there', async () => {
    role = await RoleUnderTest.boot(FILES, { before: 'mkdir -p /run/systemd/system' });
    expect(await role.status()).toMatchObject({ health: 'healthy' });
    expect(await role.pids('sleep 77103')).toHaveLength(1);
  }, 120_000);

  it('goes by what the script says when it is run again, and keeps its services', async () => {
    const [agents, services] = [await role.agents(), await role.pids('sleep 77103')];
    for (const [path, content] of Object.entries(FILES))
      await role.cloud.s3.put(BUCKET, `other/${path}`, { bytes: Buffer.from(content) });
    await role.exec(`sed -i "s#^HAULOUT_BUCKET=.*#HAULOUT_BUCKET='s3://test/other'#" ${SCRIPT}`);
    expect((await role.exec(`sh ${SCRIPT}`, 60_000)).code).toBe(0);
    await eventually(async () => (await role.agents()).length === 1, 10_000);
    expect(await role.agents()).not.toEqual(agents);
    expect(await role.pids('run; case $? in')).toHaveLength(1);
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { changed: [] } });
    expect(await role.pids('sleep 77103')).toEqual(services);
    await role.cloud.s3.delete(BUCKET, 'other/haulout.ini');
    expect((await role.sync()).trouble).toMatchObject({ code: 'bucket-empty', subject: 's3://test/other' });
  }, 60_000);
});
