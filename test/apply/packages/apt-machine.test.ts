import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LocalCloud, type Machine } from '../../../src/cloud/local.ts';
import { builtGateway, bundle } from '../../support/gateway.ts';
import { MACHINE_NEEDS, sh } from '../../support/machines.ts';
import { command, describeWith } from '../../support/needs.ts';
import type { PackageAnswer, PackageOrder } from '../../support/package-driver.ts';

/** Small packages that need nothing; the second has an epoch. */
const SMALL = 'sl';
const EPOCH = 'libjs-jquery-mousewheel';

/** An archive of three versions of one package, in a directory of the instance. */
const OLD_AND_NEW = `mkdir -p /srv/debs
cd /srv/debs
: > Packages
for version in 1:1.0-1 1:1.2-1 1:2.0-1; do
  deb=tiny_$(echo $version | tr -d :).deb
  mkdir -p /tmp/tiny/DEBIAN
  control="Package: tiny
Version: $version
Architecture: all
Maintainer: nobody <nobody@localhost>
Description: tiny"
  echo "$control" > /tmp/tiny/DEBIAN/control
  dpkg-deb --build /tmp/tiny $deb > /dev/null
  { echo "$control"; echo "Filename: ./$deb"; echo "Size: $(stat -c %s $deb)"; echo "SHA256: $(sha256sum $deb | cut -d ' ' -f 1)"; echo; } >> Packages
done
echo 'deb [trusted=yes] file:/srv/debs ./' > /etc/apt/sources.list.d/tiny.list
`;

describeWith([...MACHINE_NEEDS, command('apt-get', 'apt'), command('perl', 'perl')], 'real apt on an instance', () => {
  let cloud: LocalCloud;
  let machine: Machine;
  let gateway: Awaited<ReturnType<typeof builtGateway>>;
  const directory = mkdtempSync(join(tmpdir(), 'haulout-apt-'));

  beforeAll(async () => {
    gateway = await builtGateway();
    cloud = await LocalCloud.open({ gatewayScript: gateway.script });
    const driver = await bundle(
      new URL('../../support/package-driver.ts', import.meta.url),
      join(directory, 'driver.mjs'),
    );
    const files = { '/opt/driver.mjs': { content: await readFile(driver), mode: 0o644 } };
    machine = await cloud.launch({ userData: Buffer.from('#!/bin/sh\n'), files });
  });
  afterAll(async () => {
    await cloud?.close();
    for (const path of [gateway?.directory, directory]) if (path) rmSync(path, { recursive: true, force: true });
  });

  async function order(...orders: PackageOrder[]): Promise<PackageAnswer[]> {
    const result = await machine.exec(['node', '/opt/driver.mjs', JSON.stringify(orders)], { timeoutMs: 120_000 });
    if (result.code !== 0) throw new Error(result.output);
    return JSON.parse(result.stdout) as PackageAnswer[];
  }

  /** Holds a lock as dpkg does (fcntl, the whole file) for so many seconds; ends when it holds it. */
  async function hold(path: string, seconds: number): Promise<void> {
    const script = `use Fcntl; open(my $f, '+>>', '${path}') or die; my $l = pack('s s l! l! i', F_WRLCK, 0, 0, 0, 0);
      fcntl($f, F_SETLK, $l) or die "held"; open(my $o, '>', '/tmp/held'); close $o; sleep ${seconds};`;
    await machine.plant('/opt/hold.pl', script, 0o644);
    await sh(
      machine,
      'rm -f /tmp/held; setsid perl /opt/hold.pl > /dev/null 2>&1 < /dev/null & until [ -e /tmp/held ]; do sleep 0.1; done',
    );
  }

  it('installs, asks and removes, takes a pattern as the planner does, and says what cannot be had', async () => {
    const [before, small, pattern, gone, unknown] = await order(
      { ask: [SMALL, EPOCH, 'no-such-package'] },
      { install: [{ name: SMALL }], ask: [SMALL, 'dpkg'] },
      { install: [{ name: EPOCH, version: '3.*' }], ask: [EPOCH] },
      { remove: [SMALL], ask: [SMALL, EPOCH] },
      { install: [{ name: 'no-such-package' }, { name: SMALL }] },
    );
    expect(before?.installed).toEqual({});
    expect(before?.candidates).toEqual({
      [SMALL]: expect.stringMatching(/^\d/),
      [EPOCH]: expect.stringMatching(/^\d+:3/),
    });
    expect(small?.trouble).toBeUndefined();
    expect(small?.installed).toEqual({ [SMALL]: [before?.candidates[SMALL]], dpkg: [expect.stringMatching(/^\d/)] });
    expect(pattern?.trouble).toBeUndefined();
    expect(pattern?.installed).toEqual({ [EPOCH]: [before?.candidates[EPOCH]] });
    expect(gone?.installed).toEqual(pattern?.installed);
    expect(unknown?.trouble).toMatchObject({
      code: 'packages-failed',
      subject: `package:no-such-package package:${SMALL}`,
      reason: expect.stringMatching(/`apt-get install` ended with 100: .*no-such-package/),
    });
  }, 120_000);

  it('takes no name for a pattern of others: a slip would install hundreds', async () => {
    const [gone, slip] = await order(
      { remove: [EPOCH] },
      { install: [{ name: EPOCH.replaceAll('-', '.') }], ask: [EPOCH] },
    );
    expect(gone?.trouble).toBeUndefined();
    expect(slip?.trouble?.reason).toMatch(/Unable to locate package libjs\.jquery\.mousewheel/);
    expect(slip?.installed).toEqual({});
    await order({ install: [{ name: EPOCH }] });
  }, 120_000);

  it('takes a question that failed for no answer: nothing would be installed', async () => {
    const once = '#!/bin/sh\n[ -e /tmp/asked ] || { touch /tmp/asked; kill -9 $$; }\nexec /usr/bin/dpkg-query "$@"\n';
    await machine.plant('/usr/local/sbin/dpkg-query', once, 0o755);
    const [killed, answered] = await order({ ask: ['dpkg'] }, { ask: ['dpkg'] });
    expect(killed?.trouble).toMatchObject({ code: 'packages-failed', reason: '`dpkg-query -W` ended with SIGKILL' });
    expect(answered).toMatchObject({ installed: { dpkg: [expect.stringMatching(/^\d/)] } });
    expect(answered?.trouble).toBeUndefined();
    await sh(machine, 'rm /usr/local/sbin/dpkg-query');
  }, 120_000);

  it('says that lists could not be fetched, and not that a name is wrong', async () => {
    const nowhere = `printf 'Acquire::http::Proxy "http://10.77.0.1:1";\n' > /etc/apt/apt.conf.d/zzz`;
    await sh(machine, `${nowhere}; mv /var/lib/apt/lists /tmp/lists; mkdir -p /var/lib/apt/lists/partial`);
    for (const version of [undefined, '5.*']) {
      const [answer] = await order({ install: [{ name: 'cowsay', ...(version ? { version } : {}) }] });
      expect(answer?.trouble).toMatchObject({
        code: 'packages-failed',
        subject: 'package:cowsay',
        reason: expect.stringMatching(/; not all lists could be fetched: .*10\.77\.0\.1:1/),
        hint: expect.stringMatching(/^see that the instance reaches its package repositories; it is tried again/),
      });
    }
    await sh(machine, 'rm -r /etc/apt/apt.conf.d/zzz /var/lib/apt/lists; mv /tmp/lists /var/lib/apt/lists');
  }, 120_000);

  it('goes back to an older version when the spec names it, and never of itself', async () => {
    await machine.plant('/opt/debs.sh', OLD_AND_NEW, 0o644);
    expect((await sh(machine, 'sh -eu /opt/debs.sh')).output).toBe('');
    const [newest, older, none, latest] = await order(
      { install: [{ name: 'tiny' }], ask: ['tiny'] },
      { install: [{ name: 'tiny', version: '1.*' }], ask: ['tiny'] },
      { install: [{ name: 'tiny', version: '3.*' }], ask: ['tiny'] },
      { install: [{ name: 'tiny', latest: true }], ask: ['tiny'] },
    );
    expect(newest?.installed).toEqual({ tiny: ['1:2.0-1'] });
    expect(older?.trouble).toBeUndefined();
    expect(older?.installed).toEqual({ tiny: ['1:1.2-1'] });
    expect(none?.trouble?.reason).toBe('no version that can be had fits 3.*; to be had: 1:2.0-1, 1:1.2-1, 1:1.0-1');
    expect(latest?.installed).toEqual({ tiny: ['1:2.0-1'] });
  }, 120_000);

  it('waits for a lock that another package manager holds, and does not break it', async () => {
    await hold('/var/lib/dpkg/lock-frontend', 5);
    const [answer] = await order({ install: [{ name: SMALL }], ask: [SMALL] });
    expect(answer?.trouble).toBeUndefined();
    expect(answer?.installed[SMALL]).toEqual([expect.stringMatching(/^\d/)]);
    expect(answer?.ms).toBeGreaterThan(3_000);
  }, 120_000);

  it('mends an interrupted dpkg first, when nobody is at it any more', async () => {
    // As a kill between unpacking and configuring leaves it, while another program still holds the lock.
    const half = `perl -0pi -e 's/(Package: ${SMALL}\nStatus: install ok )installed/$1half-configured/' /var/lib/dpkg/status`;
    expect((await sh(machine, `${half}; dpkg --audit | grep -c ${SMALL}`)).output).toBe('1');
    await hold('/var/lib/dpkg/lock-frontend', 2);
    const [answer] = await order({ remove: [EPOCH], ask: [SMALL, EPOCH] });
    expect(answer?.trouble).toBeUndefined();
    expect(answer?.installed).toEqual({ [SMALL]: [expect.stringMatching(/^\d/)] });
    expect((await sh(machine, 'dpkg --audit')).output).toBe('');
  }, 120_000);

  it('says of all that it could not install that the lists cannot be had', async () => {
    await machine.plant('/etc/apt/sources.list.d/nowhere.list', 'deb [trusted=yes] file:/nowhere ./\n', 0o644);
    const [answer] = await order({ install: [{ name: 'one' }, { name: 'two' }] });
    await sh(machine, 'rm /etc/apt/sources.list.d/nowhere.list');
    expect(answer?.trouble).toMatchObject({ code: 'packages-failed', subject: 'package:one package:two' });
    expect(answer?.trouble?.reason).toMatch(/^`apt-get update` ended with 100/);
  }, 120_000);

  it('does not take a database that cannot be read for one in which nothing is installed', async () => {
    await sh(machine, 'cp -p /var/lib/dpkg/status /tmp/status; echo torn > /var/lib/dpkg/status');
    expect((await order({ ask: ['dpkg'] }))[0]?.trouble).toMatchObject({
      reason: expect.stringMatching(/^`dpkg-query -W` ended with 2/),
      hint: expect.stringMatching(/^the package database of this instance .*; run `dpkg-query/),
    });
    await sh(machine, 'mv /tmp/status /var/lib/dpkg/status');
    expect((await order({ ask: ['dpkg'] }))[0]?.installed).toEqual({ dpkg: [expect.stringMatching(/^\d/)] });
  });
});
