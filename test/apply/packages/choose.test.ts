import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { chooseDialect, choosePackageManager } from '../../../src/apply/packages/choose.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { scratch } from '../../support/scratch.ts';

const DEBIAN = ['/usr/bin/apt-get', '/usr/bin/dpkg', '/var/lib/dpkg/status'];
const RPM = ['/usr/bin/rpm', '/var/lib/rpm/rpmdb.sqlite'];
const ALPINE = ['/sbin/apk', '/lib/apk/db/installed'];

function machine(paths: readonly string[], release = ''): string {
  const root = scratch();
  for (const path of [...paths, '/etc/os-release']) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), path === '/etc/os-release' ? release : '');
    chmodSync(join(root, path), 0o755);
  }
  return root;
}

it.each([
  ['apt', 'a Debian', DEBIAN, 'ID=debian\n'],
  [
    'apt',
    'a Debian that has dnf and zypper too',
    [...DEBIAN, ...RPM, '/usr/bin/dnf', '/usr/bin/zypper'],
    'ID=debian\n',
  ],
  ['apt', 'an Ubuntu with rpm', [...DEBIAN, ...RPM, '/usr/bin/dnf'], 'ID=ubuntu\nID_LIKE=debian\n'],
  ['dnf', 'an Amazon Linux', [...RPM, '/usr/bin/dnf'], 'ID="amzn"\nID_LIKE="fedora"\n'],
  [
    'dnf',
    'a Fedora that has apt and zypper too',
    [...DEBIAN, ...RPM, '/usr/bin/dnf', '/usr/bin/zypper'],
    'ID=fedora\n',
  ],
  ['dnf', 'a Rocky', [...RPM, '/usr/bin/dnf'], 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'],
  [
    'zypper',
    'an openSUSE that has dnf too',
    [...RPM, '/usr/bin/dnf', '/usr/bin/zypper'],
    'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n',
  ],
  [
    'zypper',
    'a SUSE with its database in the newer place',
    ['/usr/bin/rpm', '/usr/bin/zypper', '/usr/lib/sysimage/rpm/Packages.db'],
    '',
  ],
  ['apk', 'an Alpine', ALPINE, 'ID=alpine\n'],
  ['dnf', 'a machine that does not say what it is', [...RPM, '/usr/bin/dnf'], ''],
  [
    undefined,
    'a machine with programs and no database',
    ['/usr/bin/apt-get', '/usr/bin/dpkg', '/usr/bin/dnf', '/usr/bin/rpm'],
    '',
  ],
  [undefined, 'a machine with rpm alone', RPM, 'ID=fedora\n'],
  [undefined, 'a machine with nothing', [], ''],
])('%s: %s', async (name, _what, paths, release) => {
  expect((await chooseDialect(machine(paths, release)))?.name).toBe(name);
});

it('a role without packages needs no manager; one with packages is told what to do', async () => {
  const warnings: string[] = [];
  const onWarning = (text: string) => warnings.push(text);
  const none = await choosePackageManager({ clock: systemClock, onWarning }, machine([]));
  expect(await none.installed([])).toEqual({});
  expect(await none.candidates([])).toEqual({});
  await none.remove([]);
  await none.install([]);
  await none.upgrade();
  expect(warnings).toEqual([expect.stringContaining('nothing was upgraded')]);
  const refused = { code: 'no-package-manager', subject: 'package:nginx', hint: expect.stringMatching(/haulout\.ini/) };
  await expect(none.installed(['nginx'])).rejects.toMatchObject(refused);
  await expect(none.remove(['nginx'])).rejects.toMatchObject(refused);
  await expect(none.install([{ name: 'nginx', version: undefined, latest: false }])).rejects.toMatchObject(refused);
});
