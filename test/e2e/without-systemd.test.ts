import { afterAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

describeWith([root], 'a machine without systemd', () => {
  let role: RoleUnderTest;
  afterAll(() => role?.close());

  it('is one although a generator left its directories there', async () => {
    role = await RoleUnderTest.boot(
      {
        'haulout.ini': '[haulout]\nversion = 1\n[service.app]\nimage = services/app\nhealth = 0s\n',
        'services/app/bin/start': '#!/bin/sh\nsleep 77103 &\n',
      },
      { before: 'mkdir -p /run/systemd/system' },
    );
    expect(await role.status()).toMatchObject({ health: 'healthy' });
    expect(await role.pids('sleep 77103')).toHaveLength(1);
  }, 120_000);
});
