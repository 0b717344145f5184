import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const SPEC = `[haulout]
version = 1
[files]
/srv/told = directory mode=777
[service.app]
image = services/app
user = www-data
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
      'haulout.ini': SPEC,
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
});
