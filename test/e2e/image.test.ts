import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';
import { TINIEST } from '../support/role-files.ts';

const SCRIPT = readFileSync(fileURLToPath(new URL('../../userdata/ec2/image.sh', import.meta.url)), 'utf8');
const CLOUD = '/var/lib/cloud/instances/i-0123456789abcdef0';

/** Writes down what it is asked to install, and installs nothing. */
const APT_GET = '#!/bin/sh\necho "$*" >> /apt-get.log\n';

/** The trap of every image: what the machine was that it was made on. */
describeWith([root], 'userdata/ec2/image.sh, on a machine that haulout has kept', () => {
  let role: RoleUnderTest;
  let id: string;
  beforeAll(async () => {
    const plant = {
      '/image.sh': { content: SCRIPT, mode: 0o644 },
      '/stub/apt-get': { content: APT_GET, mode: 0o755 },
      [`${CLOUD}/user-data.txt`]: { content: '#!/bin/sh\nHAULOUT_BUCKET=s3://test/role\n', mode: 0o600 },
      [`${CLOUD}/sem/config_scripts_user`]: { content: '1: 1\n', mode: 0o644 },
      '/etc/ssh/ssh_host_ed25519_key': { content: 'a key\n', mode: 0o600 },
      '/root/.ssh/authorized_keys': { content: 'ssh-ed25519 somebody\n', mode: 0o600 },
      '/etc/machine-id': { content: '0123456789abcdef0123456789abcdef\n', mode: 0o444 },
    };
    role = await RoleUnderTest.boot(TINIEST, { plant });
    id = role.machine.instanceId;
    await role.killAgent();
  }, 120_000);
  afterAll(() => role?.close());

  const named = async (word: string) => {
    const places = '/etc /home /opt /root /run/haulout /srv /usr/local/bin /usr/local/sbin /var';
    const { stdout } = await role.exec(`grep -rlIF -- '${word}' ${places} 2>/dev/null | sort`);
    return stdout.split('\n').filter(Boolean);
  };

  it('finds something to take away', async () => {
    expect(await named(id)).toContain('/var/lib/haulout/status.json');
    expect(await named('HAULOUT_BUCKET')).toContain(`${CLOUD}/user-data.txt`);
  });

  it('installs what it is told, and leaves nothing that is this one machine’s', async () => {
    const { code, output } = await role.exec('PATH=/stub:$PATH sh /image.sh nginx php-fpm');
    expect(code, output).toBe(0);
    expect(await role.read('/apt-get.log')).toBe('update\ninstall -y --no-install-recommends nginx php-fpm\nclean\n');
    expect((await named(id)).filter((path) => !path.startsWith('/run/'))).toEqual([]);
    expect(await named('HAULOUT_')).toEqual([]);
    for (const path of ['/var/lib/haulout', '/usr/local/bin/haulout', CLOUD, '/root/.ssh/authorized_keys'])
      expect((await role.exec(`test -e ${path}`)).code, path).toBe(1);
    expect((await role.exec('ls /etc/ssh/ssh_host_* 2>/dev/null')).stdout).toBe('');
    expect((await role.exec('wc -c < /etc/machine-id')).stdout.trim()).toBe('0');
  });

  it('can be run again', async () => {
    expect((await role.exec('PATH=/stub:$PATH sh /image.sh')).code).toBe(0);
  });

  it('leaves what the role put there: packages and files are what the image is for', async () => {
    expect((await role.exec('cat /srv/hello.txt')).stdout).toBe('one\n');
  });
});
