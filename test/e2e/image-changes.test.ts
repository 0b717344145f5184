import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AgentEvent } from '../../src/agent/events.ts';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const spec = (user = 'www-data') => `[haulout]
version = 1
[files]
/srv/told = directory mode=777
[service.app]
image = services/app
user = ${user}
watch = /etc/app.conf
validate = grep -q good /etc/app.conf
health = 0s
timeout = 5s
`;
const START = `#!/bin/sh
set -e
echo "start $(id -un) $(cat /etc/app.conf)" >> /srv/told/order
echo "$(id -un)" > mine
[ ! -e /srv/told/refused ] || [ "$(id -un)" != "$(cat /srv/told/refused)" ]
sleep 77061 &
`;
const STOP = '#!/bin/sh\necho "stop $(id -un) $(cat mine)" >> /srv/told/order\n';

describeWith([root], 'an image that changes together with something else', () => {
  let role: RoleUnderTest;
  beforeAll(async () => {
    role = await RoleUnderTest.boot({
      'haulout.ini': spec(),
      'root/etc/app.conf': 'good 1\n',
      'services/app/bin/start': START,
      'services/app/bin/stop': STOP,
    });
    expect((await role.status()).health).toBe('healthy');
  }, 120_000);
  afterAll(() => role?.close());

  /** What was called since it was asked last. */
  async function called(): Promise<string[]> {
    const { stdout } = await role.exec('cd /srv/told && cat order && rm order && install -m 666 /dev/null order');
    return stdout.split('\n').slice(0, -1);
  }
  const running = async () => (await role.exec('ps -eo user=,args= | grep "[s]leep 77061"')).stdout;

  it('is not put in place with files that `validate` refuses', async () => {
    await called();
    await role.put('root/etc/app.conf', 'bad 2\n');
    await role.put('services/app/bin/start', `${START}# two\n`);
    const { health, trouble } = await role.sync();
    expect({ health, code: trouble?.code }).toEqual({ health: 'degraded', code: 'validate-failed' });
    expect(await role.read('/etc/app.conf')).toBe('good 1\n');
    expect(await called()).toEqual([]);
    await role.put('root/etc/app.conf', 'good 3\n');
    expect((await role.sync()).health).toBe('healthy');
    expect(await called()).toEqual(['stop www-data www-data', 'start www-data good 3']);
  });

  it('belongs to the user that the service has now; the old one stops what it started', async () => {
    await role.put('haulout.ini', spec('daemon'));
    const { health, trouble } = await role.sync();
    expect({ health, trouble }).toEqual({ health: 'healthy', trouble: undefined });
    expect(await called()).toEqual(['stop www-data www-data', 'start daemon good 3']);
    expect(await running()).toMatch(/^daemon +sleep 77061\n$/);
    expect((await role.exec('find /srv/services/app/ ! -user daemon')).stdout).toBe('');
    expect((await role.sync()).lastSync.steps).toBe(0);
  });

  it('is not stopped for a user who does not exist', async () => {
    await role.put('haulout.ini', spec('nobody-here'));
    expect((await role.sync()).trouble).toMatchObject({ code: 'user-unknown', subject: 'service:app' });
    expect(await called()).toEqual([]);
    expect(await running()).toMatch(/^daemon +sleep 77061\n$/);
  });

  it('comes back when it is gone from disk, and what runs of it does not go on in a directory that is no more', async () => {
    await role.put('haulout.ini', spec('daemon'));
    await role.exec('rm -rf /srv/services/.images/app');
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { changed: ['service:app'] } });
    expect(await called()).toEqual(['stop daemon ', 'start daemon good 3']);
    expect(await running()).toMatch(/^daemon +sleep 77061\n$/);
  });

  it('goes back to the user who is proven, when it fails as another', async () => {
    await role.exec('echo www-data > /srv/told/refused');
    const before = (await role.events()).length;
    await role.put('haulout.ini', spec());
    expect((await role.sync()).trouble?.code).toBe('hook-failed');
    await role.waitFor((events) => events.slice(before).some(isBack), 60_000);
    expect((await called()).at(-1)).toBe('start daemon good 3');
    expect(await running()).toMatch(/^daemon +sleep 77061\n$/);
    expect((await role.sync()).lastSync.steps).toBe(0);
  }, 90_000);
});

const isBack = (event: AgentEvent) =>
  event.event === 'round' &&
  event.status.content.setAside !== undefined &&
  event.status.services.every(({ state }) => state !== 'unhealthy');
