import { afterAll, beforeAll, expect, it } from 'vitest';
import { sha256 } from '../../src/lib/digest.ts';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const spec = (more = '') => `[haulout]
version = 1
[service.app]
image = services/app
user = www-data
port = 8123
watch = /etc/app.conf
health = 0s
timeout = 10s
[service.app.custom]
title = "Planet #1"
odd.key = "a = b; \\"c\\""
${more}`;

/** Says in a file of its own all that it was called with. */
const TELL = `#!/bin/sh
out=/srv/told/$HAULOUT_HOOK
{
  echo "program $0"
  for word in "$@"; do echo "word $word"; done
  echo "cwd $(pwd -P)"
  echo "user $(id -un):$(id -gn):$(id -Gn)"
  echo "umask $(umask)"
  echo "stdin $(readlink /proc/$$/fd/0)"
  echo "core $(ulimit -c)"
} > "$out"
tr '\\0' '\\n' < /proc/$$/environ | sort > "$out.env"
[ -z "$2" ] || { cat "$2" > "$out.cfg"; cmp -s "$2" cfg/service.cfg && stat -Lc '%a %U' cfg/service.cfg > "$out.link"; }
echo "to stdout of $HAULOUT_HOOK" > /dev/stdout
echo "to stderr of $HAULOUT_HOOK" > /dev/stderr
echo "$HAULOUT_HOOK VERSION" >> /srv/told/order
`;
const hook = (more = '', version = 'one') => `${TELL.replace('VERSION', version)}${more}`;
const START = hook('echo out\necho err >&2\nsleep 77101 &\n');

describeWith([root], 'the contract of hooks', () => {
  let role: RoleUnderTest;
  const told = (name: string) => role.read(`/srv/told/${name}`);
  beforeAll(async () => {
    role = await RoleUnderTest.boot({
      'haulout.ini': `${spec()}[files]\n/srv/told = directory owner=www-data:www-data\n`,
      'root/etc/app.conf': 'one\n',
      'services/app/bin/configure': hook(),
      'services/app/bin/start': START,
      'services/app/bin/stop': hook(),
      'services/app/bin/check': hook(),
      'services/app/bin/failed': hook(),
    });
  }, 120_000);
  afterAll(() => role?.close());

  it('runs configure, start and check, in this order', async () => {
    expect(await role.status()).toMatchObject({ health: 'healthy', services: [{ id: 'app', state: 'healthy' }] });
    const order = (await told('order')).trim().split('\n');
    expect(order.slice(0, 3)).toEqual(['configure one', 'start one', 'check one']);
    expect(new Set(order.slice(3))).toEqual(new Set(order.length > 3 ? ['check one'] : []));
  });

  it('calls them as bin/HOOK ID [CFG], in the service directory, as the user, with nothing to read', async () => {
    for (const name of ['configure', 'start', 'check']) {
      const lines = (await told(name)).trim().split('\n');
      const cfg = lines.filter((line) => line.startsWith('word /run/haulout/cfg/'));
      expect(cfg).toHaveLength(name === 'check' ? 0 : 1);
      expect(lines.filter((line) => !cfg.includes(line))).toEqual([
        `program bin/${name}`,
        'word app',
        expect.stringMatching(/^cwd \/srv\/services\/\.images\/app\/[0-9a-f]{64}$/),
        'user www-data:www-data:www-data',
        'umask 0022',
        'stdin /dev/null',
        'core 0',
      ]);
    }
  });

  it('gives them these variables and no other (reliability S13)', async () => {
    const environ = Object.fromEntries(
      (await told('configure.env'))
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/s).slice(0, 2)),
    );
    expect(environ).toEqual({
      HAULOUT_HOOK: 'configure',
      HAULOUT_INSTANCE_ID: role.machine.instanceId,
      HAULOUT_ROLE: 'role',
      HAULOUT_SCOPE: expect.any(String),
      HAULOUT_SERVICE: 'app',
      HOME: '/srv/services/app',
      LANG: 'C.UTF-8',
      LOGNAME: 'www-data',
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      USER: 'www-data',
    });
  });

  it('hands the cfg over on tmpfs, 0400, also as cfg/service.cfg, and takes it away again', async () => {
    for (const name of ['configure', 'start']) {
      expect(await told(`${name}.cfg`)).toMatch(/^\[service\]\nserviceId=app\nrole=role\ninstanceId=i-/);
      expect(await told(`${name}.link`)).toBe('400 www-data\n');
    }
    const cfg = await told('configure.cfg');
    for (const line of ['user=www-data', 'directory=/srv/services/app', 'port=8123', 'region=us-east-1'])
      expect(cfg.split('\n')).toContain(line);
    expect(cfg.slice(cfg.indexOf('[changed]'))).toBe('[changed]\n[custom]\ntitle=Planet #1\nodd.key=a = b; "c"\n');
    const left = await role.exec('find /run/haulout/cfg -type f; find /srv/services/ -name service.cfg');
    expect(left.stdout).toBe('');
  });

  it('names in [changed] what has changed, with old and new digest', async () => {
    await role.put('root/etc/app.conf', 'two\n');
    expect((await role.sync()).lastSync.changed).toEqual(['file:/etc/app.conf', 'service:app']);
    const cfg = await told('configure.cfg');
    const [, changed = ''] = /\[changed\]\n([^[]*)\[custom\]/.exec(cfg) ?? [];
    expect(changed).toBe(`file:/etc/app.conf=${sha256(Buffer.from('one\n'))} ${sha256(Buffer.from('two\n'))}\n`);
  });

  it('stops the old image before the new one is configured and started', async () => {
    await role.exec('rm /srv/told/order');
    for (const name of ['configure', 'stop', 'check']) await role.put(`services/app/bin/${name}`, hook('', 'two'));
    await role.put('services/app/bin/start', START.replace('HOOK one', 'HOOK two'));
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { changed: ['service:app'] } });
    const order = (await told('order'))
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('check'));
    expect(order).toEqual(['stop one', 'configure two', 'start two']);
    expect(await role.pids('sleep 77101')).toHaveLength(1);
    expect((await told('configure.cfg')).slice(0, 400)).toContain('serviceId=app');
  });

  it('goes on when bin/stop of the old image fails or hangs: the one that mends it must be able to come', async () => {
    const former = spec().replace('timeout = 10s', 'timeout = 1s');
    await role.put('haulout.ini', former);
    for (const [version, end] of [
      ['three', 'exit 5'],
      ['four', 'sleep 77102'],
    ] as const) {
      await role.put('services/app/bin/stop', hook(`${end}\n`, version));
      await role.sync();
    }
    await role.put('services/app/bin/stop', hook());
    const { health, notes } = await role.sync();
    expect({ health, notes }).toEqual({
      health: 'healthy',
      notes: [
        'service:app: bin/stop did not end within its time limit; the service was ended without it. It said last: to stderr of stop',
      ],
    });
    expect(await told('failed')).toContain('word stop\nword hook-timeout');
    expect([await role.pids('sleep 77101'), await role.pids('sleep 77102')].map((pids) => pids.length)).toEqual([1, 0]);
    await role.put('haulout.ini', spec());
    expect((await role.sync()).health).toBe('healthy');
  });

  it.each([
    ['no interpreter', '#!/usr/bin/perl9\n'],
    ['no first line', 'no program\n'],
  ])('a check that cannot be run (%s) is mended by the next upload', async (_, check) => {
    await role.put('services/app/bin/check', check);
    expect((await role.sync()).trouble).toMatchObject({ code: 'hook-not-runnable', subject: 'service:app' });
    await role.put('services/app/bin/check', hook());
    expect((await role.sync()).health).toBe('healthy');
  });

  it('tells bin/failed the step and the reason, and tells us the end of the output', async () => {
    await role.put('services/app/bin/configure', hook('exit 9\n'));
    const { trouble } = await role.sync();
    expect(trouble).toMatchObject({ code: 'hook-failed', reason: 'bin/configure ended with code 9' });
    expect(trouble?.output).toBe('to stdout of configure\nto stderr of configure');
    expect((await told('failed')).split('\n').slice(0, 4)).toEqual([
      'program bin/failed',
      'word app',
      'word configure',
      'word hook-failed',
    ]);
    await role.put('services/app/bin/configure', hook());
    expect((await role.sync()).health).toBe('healthy');
  });

  it('keeps what start prints in the log of the service', async () => {
    const { stdout } = await role.exec('haulout logs app');
    expect(stdout).toContain('out\nerr\n');
    expect((await role.exec('stat -c %a /var/log/haulout /var/log/haulout/services')).stdout).toBe('700\n700\n');
  });
});
