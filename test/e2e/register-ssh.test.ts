import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Machine } from '../../src/cloud/local.ts';
import { readPage } from '../docs/pages.ts';
import { MACHINE_NEEDS } from '../support/machines.ts';
import { command, describeWith } from '../support/needs.ts';
import { testDirectory, writeRole } from '../support/role-files.ts';
import { Roles } from '../support/roles.ts';

const HEAD = '[haulout]\nversion = 1\nupgrade = never\n';
const HOSTS = '/srv/hosts';

/** What the key may do, and nothing else: the seed's add_to_cacti.sh. */
const FORCED = `#!/bin/sh
set -eu
set -- $SSH_ORIGINAL_COMMAND
expr "$2" : '[0-9.]*$' > /dev/null
echo "$1 $2" >> ${HOSTS}
`;

/** The lines that docs/hooks.md shows, at a real ssh server of a role of its own. */
describeWith([...MACHINE_NEEDS, command('ssh-keygen', 'openssh-client')], 'an announcement over ssh', () => {
  const keys = testDirectory();
  let roles: Roles;
  let central: Machine;
  let member: Machine;

  beforeAll(async () => {
    roles = await Roles.open();
    const [hostKey, hostPublic] = makeKey('host');
    const [key, publicKey] = makeKey('member');
    writeRole(roles.directory('central'), {
      'haulout.ini': `${HEAD}
[packages]
openssh-server =

[files]
/etc/ssh/ssh_host_ed25519_key = mode=0600
/usr/local/sbin/add-to-cacti  = mode=0755

[service.ssh]
unit   = ssh
port   = 22
watch  = /etc/ssh/**, package:openssh-server
health = 0s
`,
      'root/etc/ssh/sshd_config.d/announce.conf':
        'HostKey /etc/ssh/ssh_host_ed25519_key\nPermitRootLogin forced-commands-only\nAuthorizedKeysFile /etc/ssh/announcers\nPasswordAuthentication no\n',
      'root/etc/ssh/announcers': `command="/usr/local/sbin/add-to-cacti",restrict ${publicKey}`,
      'root/etc/ssh/ssh_host_ed25519_key': hostKey,
      'root/usr/local/sbin/add-to-cacti': FORCED,
    });
    [central] = await roles.launch('central');
    const shown = readPage('docs/hooks.md').examples.find(({ text }) => text.includes('[register.cacti]'))!.text;
    writeRole(roles.directory('member'), {
      'haulout.ini': `${HEAD}\n${shown.replaceAll('cacti.internal', central.address)}`,
      'root/etc/announce/key': key,
      'root/etc/announce/known_hosts': `${central.address} ${hostPublic}`,
    });
    [member] = await roles.launch('member');
  }, 240_000);
  afterAll(() => roles?.close(), 60_000);

  function makeKey(name: string): [string, string] {
    const file = join(keys, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
    return [readFileSync(file, 'utf8'), readFileSync(`${file}.pub`, 'utf8')];
  }
  const heard = async () => (await central.exec(['cat', HOSTS])).stdout;

  it('is heard as the machine comes up', async () => {
    expect(await heard()).toBe(`add ${member.address}\n`);
  });

  it('is not made at a host that is another one', async () => {
    const [, stranger] = makeKey('stranger');
    writeRole(roles.directory('member'), { 'root/etc/announce/known_hosts': `${central.address} ${stranger}` });
    roles.edit('member/haulout.ini', (text) => text.replace('add $', 'add  $')); // another line: announced again
    await roles.push('member', '--no-watch');
    const status = JSON.parse((await member.exec(['haulout', 'sync', '--json'], { timeoutMs: 60_000 })).stdout);
    expect(status).toMatchObject({ health: 'degraded', trouble: { subject: 'register:cacti' } });
    expect(JSON.stringify(status.trouble)).toContain('Host key verification failed');
    expect(await heard()).toBe(`add ${member.address}\n`);
  }, 90_000);

  it('is taken back before the machine goes', async () => {
    roles.edit(
      'member/root/etc/announce/known_hosts',
      () => `${central.address} ${readFileSync(join(keys, 'host.pub'), 'utf8')}`,
    );
    await roles.push('member', '--timeout', '60s');
    await member.exec(['haulout', 'shutdown', '--within', '20s'], { timeoutMs: 40_000 });
    expect((await heard()).split('\n').at(-2)).toBe(`remove ${member.address}`);
  }, 120_000);
});
