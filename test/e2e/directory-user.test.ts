import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeWith, type Need, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const NSSWITCH = '/etc/nsswitch.conf';
const userRecords: Need = {
  name: 'nss-systemd',
  met: existsSync(NSSWITCH) && /^passwd:.*\bsystemd\b/m.test(readFileSync(NSSWITCH, 'utf8')),
  get: 'apt-get install libnss-systemd',
};
const DANA = JSON.stringify({ userName: 'dana', uid: 4711, gid: 4711, homeDirectory: '/srv' });

describeWith([root, userRecords], 'a user whom a directory has, and /etc/passwd has not', () => {
  it('has services of images, as it has jobs', async () => {
    const role = await RoleUnderTest.boot(
      {
        'haulout.ini': '[haulout]\nversion = 1\n[service.app]\nimage = services/app\nuser = dana\nhealth = 0s\n',
        'services/app/bin/start': '#!/bin/sh\nid -u > who\n',
      },
      { plant: { '/etc/userdb/dana.user': { content: DANA, mode: 0o644 } } },
    );
    try {
      const { health, trouble } = await role.status();
      expect({ health, trouble }).toEqual({ health: 'healthy', trouble: undefined });
      expect((await role.exec('stat -c %u /srv/services/app/ && cat /srv/services/app/who')).stdout).toBe(
        '4711\n4711\n',
      );
    } finally {
      await role.close();
    }
  }, 120_000);
});
