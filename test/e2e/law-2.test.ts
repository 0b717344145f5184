import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AgentEvent } from '../../src/agent/events.ts';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const SPEC = `[haulout]
version = 1
[service.app]
image = services/app
watch = /etc/app.conf
health = 0s
timeout = 1s
[service.moody]
image = services/moody
watch = /etc/moody.conf
health = 0s
`;

const START = 'echo "start $(cat /etc/app.conf)" >> /srv/app.log\nsleep 77001 &\n';
/** Fails as often as /srv/moods has lines, then works. */
const MOODY = `#!/bin/sh
echo "configure $(cat /etc/moody.conf)" >> /srv/moody.log
[ -s /srv/moods ] || exit 0
sed -i 1d /srv/moods
echo "not in the mood" >&2
exit 3
`;

/** Written is not activated: DESIGN §2, law 2. */
describeWith([root], 'law 2', () => {
  let role: RoleUnderTest;
  beforeAll(async () => {
    role = await RoleUnderTest.boot({
      'haulout.ini': SPEC,
      'root/etc/app.conf': 'good 1\n',
      'root/etc/moody.conf': 'one\n',
      'services/app/bin/start': `#!/bin/sh\n${START}`,
      'services/app/bin/check': '#!/bin/sh\ntrue\n',
      'services/moody/bin/configure': MOODY,
      'services/moody/bin/start': '#!/bin/sh\nexit 0\n',
    });
  }, 120_000);
  afterAll(() => role?.close());

  it('activates at the retry what failed once, without any upload', async () => {
    await role.exec('echo bad > /srv/moods');
    await role.put('root/etc/moody.conf', 'two\n');
    const failed = await role.sync();
    expect(failed).toMatchObject({ health: 'degraded', trouble: { code: 'hook-failed', subject: 'service:moody' } });
    expect(failed.trouble?.output).toBe('not in the mood');
    // The bytes match already; what has not happened is the activation.
    expect(await role.read('/etc/moody.conf')).toBe('two\n');
    const held = await role.sync();
    expect(held).toMatchObject({
      health: 'degraded',
      lastSync: { steps: 0 },
      waiting: [{ subject: 'service:moody', code: 'hook-failed', failures: 1 }],
    });
    await role.waitFor(healthyAfter(held.at), 15_000);
    expect(await role.status()).toMatchObject({ waiting: [], services: [{ id: 'app' }, { state: 'healthy' }] });
    expect(await role.read('/srv/moody.log')).toBe('configure one\nconfigure two\nconfigure two\n');
    expect((await role.sync()).lastSync.steps).toBe(0);
  });

  it('counts the tries of what keeps failing, sets the upload aside after three, and returns to what was proven', async () => {
    const before = (await role.events()).length;
    await role.put('root/etc/app.conf', 'bad 2\n');
    await role.put('services/app/bin/check', '#!/bin/sh\necho broken\nexit 1\n');
    const first = await role.sync();
    expect(first).toMatchObject({ health: 'degraded', trouble: { code: 'check-failed', subject: 'service:app' } });
    expect(first.content.active).toBe(first.content.wanted);
    expect((await role.sync()).waiting).toMatchObject([{ subject: 'service:app', code: 'check-failed', failures: 1 }]);
    await role.waitFor(
      (events) => rounds(events.slice(before)).some(({ content }) => content.active !== content.wanted),
      60_000,
    );
    const told = rounds((await role.events()).slice(before));
    const failures = told.flatMap((status) => status.timeline.filter(({ ok }) => !ok));
    expect(failures.map(({ subject, code }) => [subject, code])).toEqual(
      Array.from({ length: 3 }, () => ['service:app', 'check-failed']),
    );
    // The third failure is the one that says so.
    expect(told.map(({ content }) => content.setAside !== undefined).indexOf(true)).toBe(
      told.findLastIndex(({ trouble }) => trouble?.code === 'check-failed'),
    );
    const back = await role.sync();
    expect(back).toMatchObject({
      health: 'degraded',
      lastSync: { steps: 0 },
      content: { wanted: first.content.wanted, setAside: { digest: first.content.wanted, subject: 'service:app' } },
      trouble: { code: 'content-set-aside', subject: 'service:app' },
      services: [{ id: 'app', state: 'healthy' }, { id: 'moody' }],
      waiting: [],
    });
    expect(await role.read('/etc/app.conf')).toBe('good 1\n');
    expect(await role.read('/srv/services/app/bin/check')).toBe('#!/bin/sh\ntrue\n');
    expect((await role.read('/srv/app.log')).trim().split('\n').at(-1)).toBe('start good 1');
    expect(await role.pids('sleep 77001')).not.toEqual([]);
  }, 90_000);

  it('leaves what was set aside alone for as long as the bucket holds it', async () => {
    const starts = (await role.read('/srv/app.log')).length;
    for (let i = 0; i < 5; i++) expect((await role.sync()).lastSync.steps).toBe(0);
    await role.exec('echo mine > /etc/app.conf');
    // Drift is put back to the proven content, not to the bucket's.
    expect((await role.sync()).lastSync.changed).toEqual(['file:/etc/app.conf', 'service:app']);
    expect(await role.read('/etc/app.conf')).toBe('good 1\n');
    expect((await role.read('/srv/app.log')).length).toBeGreaterThan(starts);
  });

  it('remembers what was set aside when the agent starts again', async () => {
    await role.killAgent();
    await role.startAgent();
    expect(await role.sync()).toMatchObject({ lastSync: { steps: 0 }, trouble: { code: 'content-set-aside' } });
    expect(await role.read('/etc/app.conf')).toBe('good 1\n');
  });

  it('takes away again what only the failed content has brought', async () => {
    await role.put('haulout.ini', SPEC.replace('/etc/moody.conf', '/etc/moody.d/**'));
    await role.put('root/etc/moody.d/old', 'old\n');
    await role.put('services/moody/bin/configure', '#!/bin/sh\n! grep -r bad /etc/moody.d\n');
    await role.put('root/etc/app.conf', 'good 2\n');
    await role.put('services/app/bin/check', '#!/bin/sh\ntrue\n');
    expect(await role.sync()).toMatchObject({ health: 'healthy' });
    const before = (await role.events()).length;
    await role.put('root/etc/moody.d/new', 'bad\n');
    expect(await role.sync()).toMatchObject({ trouble: { code: 'hook-failed' } });
    await role.waitFor(
      (events) => rounds(events.slice(before)).some(({ content }) => content.active !== content.wanted),
      60_000,
    );
    expect(await role.sync()).toMatchObject({
      content: { setAside: { subject: 'service:moody' } },
      services: [{ state: 'healthy' }, { id: 'moody' }],
      waiting: [],
    });
    expect((await role.exec('ls /etc/moody.d')).output).toBe('old\n');
    expect((await role.sync()).lastSync.steps).toBe(0);
    await role.delete('root/etc/moody.d/new');
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
  }, 90_000);

  it('tries the next upload at once', async () => {
    await role.put('root/etc/app.conf', 'good 3\n');
    await role.put('services/app/bin/check', '#!/bin/sh\nexit 0\n');
    const status = await role.sync();
    expect(status).toMatchObject({ health: 'healthy', waiting: [] });
    expect(status.content.setAside).toBeUndefined();
    expect(status.content.active).toBe(status.content.wanted);
    expect((await role.read('/srv/app.log')).trim().split('\n').at(-1)).toBe('start good 3');
  });
});

const rounds = (events: readonly AgentEvent[]) =>
  events.flatMap((event) => (event.event === 'round' ? [event.status] : []));

const healthyAfter = (at: string) => (events: readonly AgentEvent[]) =>
  rounds(events).some((status) => status.at > at && status.health === 'healthy');
