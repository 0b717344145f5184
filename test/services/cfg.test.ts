import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CfgContent, renderCfg } from '../../src/services/cfg.ts';
import { sweepCfg, withCfg } from '../../src/services/cfg-place.ts';
import { describeWith, root } from '../support/needs.ts';
import { put, scratch } from '../support/scratch.ts';

const SERVICE = { serviceId: 'web', role: 'planet', instanceId: 'i-1', user: 'daemon', directory: '/srv/services/web' };

const CONTENT: CfgContent = {
  service: { ...SERVICE, port: 80, address: '10.0.0.5', publicAddress: undefined, region: 'eu-1' },
  needs: { db: { addresses: '10.0.0.7 10.0.0.8', role: 'db' } },
  changed: [
    { subject: 'file:/etc/a', before: 'old', after: 'new' },
    { subject: 'file:/etc/b=%c', before: undefined, after: 'new' },
    { subject: 'package:nginx', before: '1.2', after: undefined },
    { subject: 'package:php', before: '', after: '8.2' }, // as it is observed where it is not installed
  ],
  custom: { title: 'Planet #1 = "best"; yes', empty: '', tab: 'a\tb' },
};

describe('service.cfg', () => {
  it('is what hooks read with grep and cut', () => {
    const text = renderCfg(CONTENT);
    expect(text).toBe(`[service]
serviceId=web
role=planet
instanceId=i-1
user=daemon
directory=/srv/services/web
port=80
address=10.0.0.5
region=eu-1
[needs.db]
addresses=10.0.0.7 10.0.0.8
role=db
[changed]
file:/etc/a=old new
file:/etc/b%3D%25c=- new
package:nginx=1.2 -
package:php=- 8.2
[custom]
title=Planet #1 = "best"; yes
empty=
tab=a\tb
`);
    const path = put(join(scratch(), 'service.cfg'), text);
    const asked = execFileSync('sh', ['-c', 'grep ^title= "$1" | cut -f 2- -d =', 'sh', path], { encoding: 'utf8' });
    expect(asked).toBe('Planet #1 = "best"; yes\n');
  });

  it.each([
    [{ password: 'hunter2\nroot=1' }, 'the value of password in [custom]'],
    [{ password: 'hunter2\r' }, 'the value of password in [custom]'],
    [{ password: 'hunter2\0' }, 'the value of password in [custom]'],
    [{ 'a=b': 'hunter2' }, 'a key of [custom]'],
    [{ '[service]': 'hunter2' }, 'a key of [custom]'],
    [{ 'a\nb': 'hunter2' }, 'a key of [custom]'],
    [{ '': 'hunter2' }, 'a key of [custom]'],
  ])('refuses what is not one line, without a word of the value: %j', (custom, what) => {
    const render = () => renderCfg({ ...CONTENT, custom: custom as unknown as Record<string, string> });
    expect(render).toThrow(expect.objectContaining({ code: 'cfg-refused', reason: expect.stringContaining(what) }));
    expect(render).not.toThrow(/hunter2/);
  });
});

describeWith([root], 'the place of a cfg', () => {
  const DAEMON = { uid: 1, gid: 1 };
  const CANARY = 'canary-4711-secret';

  function setting() {
    const room = { directory: join(scratch('/dev/shm'), 'cfg') };
    const directory = join(scratch(), 'web');
    mkdirSync(directory);
    return { room, directory, target: { service: 'web', directory, owner: DAEMON } };
  }

  it('is a file on tmpfs for one user, as long as it is used', async () => {
    const { room, directory, target } = setting();
    const seen = await withCfg(room, target, `password=${CANARY}\n`, async (path) => {
      expect(readFileSync(join(directory, 'cfg/service.cfg'), 'utf8')).toBe(`password=${CANARY}\n`);
      expect(readlinkSync(join(directory, 'cfg/service.cfg'))).toBe(path);
      expect(statSync(path)).toMatchObject({ uid: 1, gid: 1, mode: 0o100400 });
      expect(statSync(join(path, '..'))).toMatchObject({ uid: 1, gid: 1, mode: 0o040700 });
      expect(statSync(room.directory).mode & 0o777).toBe(0o711);
      const others = spawnSync('setpriv', ['--reuid=2', '--regid=2', '--clear-groups', 'cat', path]);
      expect(others.status).not.toBe(0);
      return path;
    });
    expect(existsSync(seen)).toBe(false);
    expect(readdirSync(room.directory)).toEqual([]);
    expect(readdirSync(join(directory, 'cfg'))).toEqual([]);
    expect(spawnSync('grep', ['-ra', CANARY, directory, room.directory]).status).toBe(1);
  });

  it('makes a directory for the link where the image has none, open to other users whatever the umask', async () => {
    const { room, directory, target } = setting();
    const former = process.umask(0o077);
    try {
      await withCfg(room, target, CANARY, async () => undefined);
    } finally {
      process.umask(former);
    }
    expect(statSync(join(directory, 'cfg'))).toMatchObject({ uid: 1, gid: 1, mode: 0o040755 });
  });

  it('is gone when its use fails, and whatever the user put beside it', async () => {
    const { room, directory, target } = setting();
    const precious = put(join(scratch(), 'precious'), 'x');
    const done = withCfg(room, target, CANARY, async (path) => {
      symlinkSync(join(precious, '..'), join(path, '../link'));
      mkdirSync(join(path, '../more'));
      writeFileSync(join(path, '../more/file'), 'x');
      throw new Error('failed');
    });
    await expect(done).rejects.toThrow('failed');
    expect(readdirSync(room.directory)).toEqual([]);
    expect(readdirSync(join(directory, 'cfg'))).toEqual([]);
    expect(existsSync(precious)).toBe(true);
  });

  it('is overwritten before it is unlinked: who still holds it open reads zeros', async () => {
    const { room, target } = setting();
    const { openSync, readSync, closeSync } = await import('node:fs');
    const fd = await withCfg(room, target, CANARY, async (path) => openSync(path, 'r'));
    const buffer = Buffer.alloc(100);
    const length = readSync(fd, buffer, 0, 100, 0);
    closeSync(fd);
    expect(buffer.subarray(0, length).every((byte) => byte === 0)).toBe(true);
  });

  it('is refused on a disk', async () => {
    const { target } = setting();
    const disk = { directory: join(scratch('/var/tmp'), 'cfg') };
    if (execFileSync('stat', ['-f', '-c', '%T', join(disk.directory, '..')], { encoding: 'utf8' }).trim() === 'tmpfs')
      return;
    const done = withCfg(disk, target, CANARY, async () => expect.unreachable());
    await expect(done).rejects.toMatchObject({
      code: 'cfg-not-tmpfs',
      hint: expect.stringContaining('mount -t tmpfs'),
    });
    expect(spawnSync('grep', ['-ra', CANARY, join(disk.directory, '..')]).status).toBe(1);
  });

  it('takes the place of a link that is left, never of a file, and does not walk through a linked cfg', async () => {
    const { room, directory, target } = setting();
    mkdirSync(join(directory, 'cfg'));
    symlinkSync('/nowhere', join(directory, 'cfg/service.cfg'));
    await withCfg(room, target, CANARY, async () => undefined);
    put(join(directory, 'cfg/service.cfg'), 'precious');
    const taken = withCfg(room, target, CANARY, async () => expect.unreachable());
    await expect(taken).rejects.toMatchObject({ code: 'cfg-refused' });
    expect(readFileSync(join(directory, 'cfg/service.cfg'), 'utf8')).toBe('precious');

    const elsewhere = scratch();
    const linked = join(scratch(), 'web');
    mkdirSync(linked);
    symlinkSync(elsewhere, join(linked, 'cfg'));
    const through = withCfg(room, { ...target, directory: linked }, CANARY, async () => expect.unreachable());
    await expect(through).rejects.toMatchObject({ code: 'cfg-refused' });
    expect(readdirSync(elsewhere)).toEqual([]);
    expect(readdirSync(room.directory)).toEqual([]);
  });

  it('is swept at start, with the links that led to it', async () => {
    const { room, directory } = setting();
    const left = put(join(room.directory, 'abc/service.cfg'), CANARY);
    const { openSync, readFileSync: read, closeSync } = await import('node:fs');
    const fd = openSync(left, 'r');
    symlinkSync('/etc', join(room.directory, 'link'));
    mkdirSync(join(directory, 'cfg'));
    symlinkSync(left, join(directory, 'cfg/service.cfg'));
    const own = join(scratch(), 'own');
    mkdirSync(join(own, 'cfg'), { recursive: true });
    symlinkSync('/etc/own', join(own, 'cfg/service.cfg'));
    await sweepCfg(room, [directory, own, '/nonexistent']);
    expect(readdirSync(room.directory)).toEqual([]);
    expect(readdirSync(join(directory, 'cfg'))).toEqual([]);
    expect(lstatSync(join(own, 'cfg/service.cfg')).isSymbolicLink()).toBe(true);
    expect(read(fd, 'latin1')).not.toContain(CANARY);
    closeSync(fd);
    expect(existsSync('/etc/passwd')).toBe(true);
    await sweepCfg({ directory: '/dev/shm/none' }, []);
  });
});
