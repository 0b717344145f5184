import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Status } from '../../src/status/status.ts';
import { describeWith, root } from '../support/needs.ts';
import { BUCKET, PREFIX, RoleUnderTest } from '../support/role.ts';

const spec = (files = '') => `[haulout]
version = 1
[files]
${files}
[service.app]
image = services/app
health = 0s
timeout = 5s
`;
const WELL = { 'haulout.ini': spec(), 'root/etc/walrus.conf': 'one\n', 'services/app/bin/configure': '#!/bin/sh\n' };

describeWith([root], 'content that cannot be used', () => {
  let role: RoleUnderTest;
  /** Runs while an object is sent. */
  let meanwhile: ((key: string) => void) | undefined;
  beforeAll(async () => {
    role = await RoleUnderTest.boot(
      { ...WELL, 'services/app/bin/start': '#!/bin/sh\necho start >> /srv/log\n' },
      {
        faults: ({ operation, key }) => {
          if (operation === 'GetObject' && key !== undefined) meanwhile?.(key);
          return undefined;
        },
      },
    );
    expect((await role.status()).health).toBe('healthy');
  }, 120_000);
  afterAll(() => role?.close());
  afterEach(async () => {
    meanwhile = undefined;
    for (const path of role.cloud.s3.list(BUCKET, `${PREFIX}/root/`)) await role.cloud.s3.delete(BUCKET, path.key);
    for (const [path, content] of Object.entries(WELL)) await role.put(path, content);
    const { health, trouble } = await role.sync();
    expect({ health, trouble }).toEqual({ health: 'healthy', trouble: undefined });
  });

  async function troubled(files: Readonly<Record<string, string>>): Promise<Status> {
    for (const [path, content] of Object.entries(files)) await role.put(path, content);
    const status = await role.sync();
    expect(status.health).toBe('degraded');
    return status;
  }

  it('a template with an unknown name is told with line and column, and swaps nothing', async () => {
    const { trouble } = await troubled({
      'haulout.ini': spec('/etc/motd.role = template'),
      'root/etc/motd.role': 'one\n  {{ instance.nosuch }}\n',
      'root/etc/walrus.conf': 'never\n',
    });
    expect(trouble).toMatchObject({ code: 'spec-invalid', subject: 'spec:root/etc/motd.role:2:6' });
    expect(trouble?.reason).toMatch(/nosuch.*line:2, col:\d/);
    expect(await role.read('/etc/walrus.conf')).toBe('one\n');
    expect((await role.exec('test -e /etc/motd.role')).code).toBe(1);
  });

  it('a template that cannot be rendered does not keep the rest of the machine from being kept', async () => {
    await troubled({
      'haulout.ini': spec('/etc/motd.role = template'),
      'root/etc/motd.role': '{{ instance.nosuch }}\n',
    });
    await role.exec('echo mine > /etc/walrus.conf');
    const { services } = await role.sync();
    expect(await role.read('/etc/walrus.conf')).toBe('one\n');
    expect(services).toMatchObject([{ id: 'app' }]);
  });

  it('a template that is too large is a mistake, and the rest of the machine is kept', async () => {
    const { trouble } = await troubled({
      'haulout.ini': spec('/etc/motd.role = template'),
      'root/etc/motd.role': 'm'.repeat(1024 * 1024 + 1),
    });
    expect(trouble).toMatchObject({ code: 'spec-invalid', subject: 'spec:haulout.ini:4:1' });
    await role.exec('echo mine > /etc/walrus.conf');
    await role.sync();
    expect(await role.read('/etc/walrus.conf')).toBe('one\n');
  });

  it('an owner that this machine does not know is named, and swaps nothing', async () => {
    const { trouble } = await troubled({
      'haulout.ini': spec('/etc/zoo.conf = owner=walrus:walrus'),
      'root/etc/zoo.conf': 'zoo\n',
      'root/etc/walrus.conf': 'never\n',
    });
    expect(trouble).toMatchObject({ code: 'owner-unknown', subject: 'file:/etc/zoo.conf' });
    expect(trouble?.reason).toContain('walrus');
    expect(await role.read('/etc/walrus.conf')).toBe('one\n');
  });

  it('a directory in the place of a file stays, with all in it', async () => {
    await role.exec('mkdir -p /etc/place.conf && echo mine > /etc/place.conf/data');
    const { trouble } = await troubled({ 'root/etc/place.conf': 'x\n', 'root/etc/walrus.conf': 'never\n' });
    expect(trouble).toMatchObject({ code: 'path-occupied', subject: 'file:/etc/place.conf' });
    expect(await role.read('/etc/place.conf/data')).toBe('mine\n');
    expect(await role.read('/etc/walrus.conf')).toBe('one\n');
  });

  it('a file in the place of a directory stays', async () => {
    await role.exec('echo mine > /etc/place.d');
    const { trouble } = await troubled({ 'root/etc/place.d/x.conf': 'x\n', 'root/etc/walrus.conf': 'never\n' });
    expect(trouble).toMatchObject({ code: 'path-untrusted', subject: 'file:/etc/place.d/x.conf' });
    expect(trouble?.reason).toContain('/etc/place.d ');
    expect(await role.read('/etc/place.d')).toBe('mine\n');
    expect(await role.read('/etc/walrus.conf')).toBe('one\n');
    // It has a pause of its own now, as whatever failed has.
    expect((await role.sync()).waiting).toMatchObject([{ subject: 'file:/etc/place.d/x.conf', failures: 1 }]);
  });

  it('a path that cannot be replaced is told, and what was ready beside it goes', async () => {
    await role.exec('mkdir /etc/held; echo mine > /etc/held/m; mount --bind /etc/held/m /etc/held/m');
    const { trouble } = await troubled({ 'root/etc/held/m': 'x\n', 'root/etc/held/z': 'z\n' });
    await role.exec('umount /etc/held/m');
    expect(trouble).toMatchObject({ code: 'path-occupied', subject: 'file:/etc/held/m' });
    expect(trouble?.hint).toContain('findmnt');
    expect((await role.exec('ls -A /etc/held; cat /etc/held/m')).output).toBe('m\nmine\n');
  });

  it("a link of another user's on the way is not followed", async () => {
    await role.exec('install -d -o www-data /srv/theirs && setpriv --reuid=www-data ln -s /etc /srv/theirs/way');
    const { trouble } = await troubled({ 'root/srv/theirs/way/evil.conf': 'x\n' });
    expect(trouble?.code).toBe('path-untrusted');
    expect((await role.exec('test -e /etc/evil.conf')).code).toBe(1);
  });

  it('a hook without its bit runs, and one with Windows line ends is mended and noted', async () => {
    await role.put('services/app/bin/configure', '#!/bin/sh\r\necho configured > /srv/configured\r\nexit 0\r\n');
    const { health, notes } = await role.sync();
    expect(health).toBe('healthy');
    expect(notes.join('\n')).toMatch(/bin\/configure had Windows line ends: mended/);
    expect(await role.read('/srv/configured')).toBe('configured\n');
  });

  it.each([
    ['#!/usr/bin/no-such-shell\n', /no-such-shell/],
    ['#!/usr/bin/env no-such-shell\n', /no-such-shell/],
    ['echo no first line\n', /no program|ENOEXEC/],
    ['', /no program|ENOEXEC/],
  ])('a hook %j is told apart before it runs', async (content, says) => {
    const { trouble } = await troubled({ 'services/app/bin/configure': content });
    expect(trouble).toMatchObject({ code: 'hook-not-runnable', subject: 'service:app' });
    expect(trouble?.reason).toMatch(says);
  });

  it('an object that changes while it is fetched is never half old and half new', async () => {
    await role.put('root/etc/big.conf', 'a'.repeat(500_000));
    let changed = false;
    meanwhile = (key) => {
      if (changed || !key.endsWith('big.conf')) return;
      changed = true;
      void role.put('root/etc/big.conf', 'b'.repeat(500_000));
    };
    const statuses = [await role.sync(), await role.sync(), await role.sync()];
    expect(changed).toBe(true);
    for (const { trouble } of statuses) expect([undefined, 's3-PreconditionFailed']).toContain(trouble?.code);
    expect(statuses.at(-1)?.health).toBe('healthy');
    expect(await role.read('/etc/big.conf')).toBe('b'.repeat(500_000));
  });

  it('an object that is deleted between the listing and the fetch is no news', async () => {
    await role.put('root/etc/gone.conf', 'gone\n');
    meanwhile = (key) => {
      if (key.endsWith('gone.conf')) void role.delete('root/etc/gone.conf');
    };
    await role.sync();
    meanwhile = undefined;
    expect((await role.sync()).health).toBe('healthy');
  });
});
