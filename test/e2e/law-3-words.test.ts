import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const HEAD = '[haulout]\nversion = 1\n';
const service = (name: string, more = '') =>
  `[service.${name}]\nimage = services/${name}\nhealth = 0s\ntimeout = 5s\n${more}`;
const start = (seconds: number) => `#!/bin/sh\necho start >> /srv/log\nsleep ${seconds} &\n`;

/** What removes, then? A positive word. DESIGN §2, law 3. */
describeWith([root], 'law 3: words', () => {
  let role: RoleUnderTest;
  const clock = () => role.pids('sleep 77041');
  const bell = () => role.pids('sleep 77042');
  beforeAll(async () => {
    role = await RoleUnderTest.boot({
      'haulout.ini': `${HEAD}${service('clock')}${service('bell')}`,
      'root/etc/walrus.conf': 'walrus\n',
      'root/etc/tusk.conf': 'tusk\n',
      'services/clock/bin/start': start(77041),
      'services/clock/bin/stop': '#!/bin/sh\necho "stop $1" >> /srv/log\n',
      'services/bell/bin/start': start(77042),
    });
    expect((await role.status()).health).toBe('healthy');
  }, 120_000);
  afterAll(() => role?.close());

  it('leaves a file on disk that went out of root/', async () => {
    await role.delete('root/etc/walrus.conf');
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { changed: [] } });
    expect(await role.read('/etc/walrus.conf')).toBe('walrus\n');
  });

  it('leaves a service running that went out of the spec, and its image on disk', async () => {
    const pids = await bell();
    await role.put('haulout.ini', `${HEAD}${service('clock')}`);
    for (const path of ['services/bell/bin/start']) await role.delete(path);
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { changed: [] } });
    expect(await bell()).toEqual(pids);
    expect(pids).toHaveLength(1);
    expect((await role.exec('test -x /srv/services/bell/bin/start')).code).toBe(0);
  });

  it('removes a file that the spec calls absent, and leaves a directory of that name', async () => {
    await role.exec('mkdir -p /srv/full && echo data > /srv/full/data');
    const files = '[files]\n/etc/walrus.conf = absent\n/srv/full = absent\n/etc/never.conf = absent\n';
    await role.put('haulout.ini', `${HEAD}${files}${service('clock')}`);
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { changed: ['file:/etc/walrus.conf'] } });
    expect((await role.exec('cat /etc/walrus.conf')).code).not.toBe(0);
    expect(await role.read('/srv/full/data')).toBe('data\n');
  });

  it('stops a service that shall be stopped, once, and keeps its image', async () => {
    await role.put('haulout.ini', `${HEAD}${service('clock', 'state = stopped\n')}`);
    const { health, lastSync, services } = await role.sync();
    expect({ health, changed: lastSync.changed }).toEqual({ health: 'healthy', changed: ['service:clock'] });
    expect(services).toEqual([{ id: 'clock', state: 'stopped' }]);
    expect(await clock()).toEqual([]);
    expect((await role.sync()).lastSync.steps).toBe(0);
    expect(await role.read('/srv/log')).toBe('start\nstart\nstop clock\n');
    expect((await role.exec('test -x /srv/services/clock/bin/start')).code).toBe(0);
  });

  it('does not stop it again because another answers its check: its stop hook might end that one', async () => {
    const answer = `import socket, time; s = socket.create_server(('127.0.0.1', 8177)); open('/srv/up', 'w'); time.sleep(600)`;
    await role.exec(
      `setsid python3 -c "${answer}" > /dev/null 2>&1 < /dev/null & until [ -e /srv/up ]; do sleep 0.1; done`,
    );
    await role.put('haulout.ini', `${HEAD}${service('clock', 'state = stopped\ncheck = tcp:8177\n')}`);
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
    expect(await role.read('/srv/log')).toBe('start\nstart\nstop clock\n');
  });

  it('starts it again when it shall run again', async () => {
    await role.put('haulout.ini', `${HEAD}${service('clock')}`);
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { changed: ['service:clock'] } });
    expect(await clock()).toHaveLength(1);
  });

  it('stops and removes a service that shall be absent, its bucket image gone or not', async () => {
    await role.put(
      'haulout.ini',
      `${HEAD}${service('clock', 'state = absent\n')}${service('bell', 'state = absent\n')}`,
    );
    const { health, trouble, mistakes } = await role.sync();
    expect({ health, trouble, mistakes }).toEqual({ health: 'healthy', trouble: undefined, mistakes: undefined });
    expect([...(await clock()), ...(await bell())]).toEqual([]);
    expect((await role.exec('ls -A /srv/services /srv/services/.images')).stdout).not.toMatch(/clock|bell/);
    expect((await role.sync()).lastSync.steps).toBe(0);
  });
});
