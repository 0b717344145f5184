import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Status } from '../../src/status/status.ts';
import { MACHINE_NEEDS } from '../support/machines.ts';
import { command, describeWith } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';
import { TINIEST } from '../support/role-files.ts';
import { becomeFamily, becomeRpmMachine, buildPackages, type TinyPackage } from '../support/rpm-world.ts';

const PACKAGES: readonly TinyPackage[] = [
  ...['1.0', '1.1', '10.0'].map((version) => ({ name: 'tiny', version })),
  ...['8.2.9', '8.2.10', '8.3.1'].map((version) => ({ name: 'php', version, release: '3.fc', epoch: 2 })),
  { name: 'lib', version: '1' },
  { name: 'user', version: '1', preamble: 'Requires: lib\nProvides: something' },
  { name: 'slow', version: '1', post: 'sleep 6' },
  { name: 'careless', version: '1', post: 'exit 3' },
  { name: 'needy', version: '1', preamble: 'Requires: what-nobody-has' },
  ...['6.1', '6.5'].map((version) => ({ name: 'core', version, preamble: 'Provides: installonlypkg(kernel)' })),
];

const FAMILIES = [
  ['dnf', 'ID="amzn"\nID_LIKE="fedora"\n'],
  ['zypper', 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n'],
] as const;

describeWith([...MACHINE_NEEDS, command('apt-get', 'apt')], 'the agent on a machine that lives on rpm', () => {
  let role: RoleUnderTest;

  beforeAll(async () => {
    role = await RoleUnderTest.boot(TINIEST);
    await becomeRpmMachine(role);
    await buildPackages(role, PACKAGES);
  }, 240_000);
  afterAll(() => role?.close());

  async function want(...lines: string[]): Promise<Status> {
    await role.put('haulout.ini', `[haulout]\nversion = 1\n[packages]\n${lines.join('\n')}\n`);
    return await role.sync();
  }
  /** Converges, and has nothing left to do then. */
  async function become(...lines: string[]): Promise<void> {
    await reach(...lines);
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
  }
  async function reach(...lines: string[]): Promise<void> {
    expect(await want(...lines)).toMatchObject({ health: 'healthy' });
  }
  async function installed(): Promise<string[]> {
    const { stdout } = await role.exec("rpm -qa --queryformat '%{NVR}\\n' | grep -v ^base | sort");
    return stdout.trim().split('\n').filter(Boolean);
  }

  describe.each(FAMILIES)('by %s', (manager, release) => {
    beforeAll(async () => {
      await role.exec('rpm -e --noscripts $(rpm -qa | grep -v ^base); true');
      await becomeFamily(role, release);
    }, 60_000);

    it('installs what shall be present, and the newest version that fits a pattern, whatever its epoch', async () => {
      await become('tiny =', 'php = 8.2.*');
      expect(await installed()).toEqual(['php-8.2.10-3.fc', 'tiny-10.0-1']);
    }, 120_000);

    it('goes back to an older version when the spec names it, and to the newest when it says latest', async () => {
      await become('tiny = 1.0-1');
      expect(await installed()).toEqual(['php-8.2.10-3.fc', 'tiny-1.0-1']);
      await become('tiny =', 'php =');
      expect(await installed()).toEqual(['php-8.2.10-3.fc', 'tiny-1.0-1']);
      await become('tiny = latest');
      expect(await installed()).toEqual(['php-8.2.10-3.fc', 'tiny-10.0-1']);
    }, 120_000);

    it('removes what shall be absent with what needs it, and not what came along', async () => {
      await reach('user =');
      expect(await installed()).toContain('lib-1-1');
      await become('user = absent', 'php = absent');
      expect(await installed()).toEqual(['lib-1-1', 'tiny-10.0-1']);
      await reach('user =');
      await become('lib = absent');
      expect(await installed()).toEqual(['tiny-10.0-1']);
    }, 120_000);

    it('says what cannot be had, and what does not go together', async () => {
      const pattern = await want('tiny = 9.*');
      expect(pattern.trouble).toMatchObject({
        code: 'packages-failed',
        subject: 'package:tiny',
        reason: 'no version that can be had fits 9.*; to be had: 10.0-1, 1.1-1, 1.0-1',
      });
      const unknown = await want('tiny =', 'no-such-package =', 'lib =');
      expect(unknown.trouble).toMatchObject({
        code: 'packages-failed',
        reason: expect.stringMatching(new RegExp(`^\`${manager} install\` ended with \\d+: .*no-such-package`)),
        hint: expect.stringMatching(/^correct the name .*; run `\w+ install [a-z -]+` on the instance/),
      });
      const conflict = await want('needy =');
      expect(conflict.trouble).toMatchObject({
        reason: expect.stringMatching(/nothing provides what-nobody-has needed by needy/),
        hint: expect.stringMatching(/^leave out one of the packages/),
      });
      expect(await installed()).toEqual(['tiny-10.0-1']);
    }, 120_000);

    it('says that a name is none of a package, which would be installed again and again', async () => {
      expect((await want('something =')).trouble).toMatchObject({
        code: 'packages-failed',
        reason: 'the package manager ended well, and no package of that name is installed',
      });
      await reach('user = absent', 'lib = absent');
    }, 120_000);

    it('waits for another that is at work', async () => {
      const line = manager === 'dnf' ? 'dnf -y install slow' : 'zypper --non-interactive install slow';
      await role.exec(`setsid ${line} > /tmp/other 2>&1 < /dev/null & until pgrep -x sleep; do sleep 0.1; done`);
      await reach('lib =');
      expect(await installed()).toEqual(['lib-1-1', 'slow-1-1', 'tiny-10.0-1']);
      expect(await role.read('/tmp/other')).toMatch(manager === 'dnf' ? /Complete!/ : /done\]/);
    }, 120_000);

    it('comes through when one before it was killed at its work', async () => {
      await reach('slow = absent');
      const line = manager === 'dnf' ? 'dnf -y install slow' : 'zypper --non-interactive install slow';
      await role.exec(
        `setsid ${line} > /dev/null 2>&1 < /dev/null & until pgrep -x sleep; do sleep 0.1; done; pkill -9 -x sleep; pkill -9 -x ${manager}; true`,
      );
      await become('lib = absent', 'php =');
      expect(await installed()).toEqual(expect.arrayContaining(['php-8.3.1-3.fc', 'tiny-10.0-1']));
    }, 120_000);

    it('takes a script that failed after the files were there for done, as rpm does', async () => {
      await reach('careless =');
      expect(await installed()).toContain('careless-1-1');
    }, 120_000);

    it('upgrades everything', async () => {
      await reach('tiny = 1.0-*');
      await role.exec('sed -i s/upgrade\\ =\\ never/upgrade\\ =\\ boot/ /etc/haulout/haulout.ini');
      await role.exec(`node -e '
        const path = "/var/lib/haulout/ledger.json";
        const ledger = JSON.parse(fs.readFileSync(path));
        fs.writeFileSync(path, JSON.stringify({ ...ledger, upgraded: false }));'`);
      await role.killAgent();
      await role.startAgent();
      const status = await want('tiny =');
      expect(status.trouble).toBeUndefined();
      expect(await installed()).toContain('tiny-10.0-1');
      await role.exec('sed -i s/upgrade\\ =\\ boot/upgrade\\ =\\ never/ /etc/haulout/haulout.ini');
    }, 120_000);
  });

  it('a kernel that is kept beside a newer one fits its pattern', async () => {
    await becomeFamily(role, FAMILIES[0][1]);
    await become('core = 6.1-*');
    await reach('core = latest');
    expect((await installed()).filter((name) => name.startsWith('core'))).toEqual(['core-6.1-1', 'core-6.5-1']);
    await become('core = 6.1-*');
    await become('core = absent');
    expect((await installed()).filter((name) => name.startsWith('core'))).toEqual([]);
  }, 120_000);
});
