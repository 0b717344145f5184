import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Fault } from '../../src/cloud/s3/faults.ts';
import type { Status } from '../../src/status/status.ts';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const SYNCS = 20;
const SPEC = `[haulout]
version = 1
[files]
/etc/walrus/quiet.conf = mode=0600
/etc/walrus/link = link=/etc/hostname
/srv/walrus = directory owner=www-data
[service.clock]
image = services/clock
watch = /etc/walrus/*.conf
health = 0s
[service.whistle]
image = services/whistle
health = 0s
`;
const FILES = {
  'haulout.ini': SPEC,
  'root/etc/walrus/loud.conf': 'loud\n',
  'root/etc/walrus/quiet.conf': 'quiet\n',
  'root/usr/local/share/walrus.txt': 'text\n',
  'services/clock/bin/start': '#!/bin/sh\necho started >> /srv/clock.log\nsleep 77031 &\n',
  'services/clock/bin/stop': '#!/bin/sh\necho stopped >> /srv/clock.log\n',
  'services/whistle/bin/start': '#!/bin/sh\nsleep 77032 &\n',
  'services/whistle/bin/check': '#!/bin/sh\npgrep -f "sleep 7703[2]" > /dev/null\n',
};

/** Absence is not an instruction: DESIGN §2, law 3; reliability F17. */
describeWith([root], 'law 3: no news', () => {
  let role: RoleUnderTest;
  let fault: Fault | undefined;
  let alive: readonly number[];
  beforeAll(async () => {
    role = await RoleUnderTest.boot(FILES, { faults: () => fault });
    expect((await role.status()).health).toBe('healthy');
    alive = await processes(role);
  }, 120_000);
  afterAll(() => role?.close());
  beforeEach(async () => {
    fault = undefined;
    for (const [path, content] of Object.entries(FILES)) await role.put(path, content);
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
  });

  /** Syncs through it all, with a hand edit now and then. */
  async function endure(code: string, syncs = SYNCS): Promise<Status> {
    const listed = await everything(role);
    let last: Status | undefined;
    for (let i = 0; i < syncs; i++) {
      const edited = i % 7 === 3;
      if (edited) await role.exec('echo mine > /usr/local/share/walrus.txt; rm /etc/walrus/link');
      last = await role.sync();
      expect(last).toMatchObject({ health: 'degraded', trouble: { step: 'bucket', code } });
      const mended = ['file:/etc/walrus/link', 'file:/usr/local/share/walrus.txt'];
      expect(last.lastSync.changed).toEqual(edited ? mended : []);
    }
    expect(last?.services.map(({ id, state }) => [id, state])).toEqual([
      ['clock', 'unknown'],
      ['whistle', 'healthy'],
    ]);
    expect(await everything(role)).toBe(listed);
    expect(await processes(role)).toEqual(alive);
    expect(await role.read('/srv/clock.log')).toBe('started\n');
    return last!;
  }

  it(`keeps all when every object is gone (${SYNCS} syncs)`, async () => {
    for (const path of Object.keys(FILES)) await role.delete(path);
    const { trouble } = await endure('bucket-empty');
    expect(trouble?.hint).toContain('haulout.ini');
  }, 60_000);

  it(`keeps all when the bucket holds what is somebody else's, and no haulout.ini (${SYNCS} syncs)`, async () => {
    for (const path of Object.keys(FILES)) await role.delete(path);
    await role.put('root/etc/walrus/loud.conf', 'not ours\n');
    await role.put('services/clock/bin/start', '#!/bin/sh\nrm -rf /srv/walrus\n');
    await role.put('index.html', '<html>a shop</html>\n');
    await endure('bucket-empty');
    await role.delete('index.html');
  }, 60_000);

  it(`keeps all when haulout.ini alone is gone (${SYNCS} syncs)`, async () => {
    await role.delete('haulout.ini');
    await endure('bucket-empty');
  }, 60_000);

  it(`keeps all when access is denied (${SYNCS} syncs)`, async () => {
    fault = { status: 403, code: 'AccessDenied' };
    const { trouble, content } = await endure('s3-AccessDenied');
    expect(trouble?.hint).toContain('s3:ListBucket');
    expect(content.wanted).toBeUndefined();
    expect(content.active).toMatch(/^[0-9a-f]{64}$/);
  }, 60_000);

  it(`keeps all when the bucket is no more (${SYNCS} syncs)`, async () => {
    fault = { status: 404, code: 'NoSuchBucket' };
    await endure('s3-NoSuchBucket');
  }, 60_000);

  it('keeps all when the bucket is in another region, and when a stranger answers (5 syncs each)', async () => {
    fault = { status: 301, code: 'PermanentRedirect' };
    await endure('s3-PermanentRedirect', 5);
    fault = { status: 400, code: 'AuthorizationHeaderMalformed' };
    await endure('s3-AuthorizationHeaderMalformed', 5);
  }, 60_000);

  it('keeps all when answers break off, come empty or half (5 syncs)', async () => {
    fault = { cutAfterBytes: 60 };
    await endure('store-unreachable', 5);
  }, 60_000);

  it('keeps all when the store cannot be reached, the agent killed and started again in between (8 syncs)', async () => {
    await role.exec('ip route add unreachable 10.77.0.1/32');
    try {
      await endure('store-unreachable', 4);
      await role.killAgent();
      await role.startAgent();
      await endure('store-unreachable', 4);
    } finally {
      await role.exec('ip route del unreachable 10.77.0.1/32');
    }
  }, 90_000);

  it('keeps all when only haulout.ini is there, or an empty one, or half of one (5 syncs)', async () => {
    for (const path of Object.keys(FILES)) if (path.startsWith('services/')) await role.delete(path);
    for (let i = 0; i < 3; i++) expect((await role.sync()).trouble?.code).toBe('spec-invalid');
    await role.put('haulout.ini', '');
    expect((await role.sync()).trouble?.code).toBe('spec-invalid');
    await role.put('haulout.ini', `${SPEC.slice(0, SPEC.indexOf('owner'))}own`);
    expect((await role.sync()).trouble?.code).toBe('spec-invalid');
    expect(await processes(role)).toEqual(alive);
    expect(await role.read('/srv/clock.log')).toBe('started\n');
  });

  it('comes back by itself, as a no-op', async () => {
    fault = { status: 403, code: 'AccessDenied' };
    await role.sync();
    fault = undefined;
    const { health, lastSync, trouble } = await role.sync();
    expect({ health, steps: lastSync.steps, trouble }).toEqual({ health: 'healthy', steps: 0, trouble: undefined });
  });
});

const processes = async (role: RoleUnderTest) => [
  ...(await role.pids('sleep 77031')),
  ...(await role.pids('sleep 77032')),
];

/** Paths, modes, owners and bytes of all that the role brought. */
async function everything(role: RoleUnderTest): Promise<string> {
  const places = '/etc/walrus /usr/local/share/walrus.txt /srv/walrus /srv/services';
  const line = `find ${places} -printf '%p %y %m %u:%g %l\\n' | sort; find ${places} -type f -exec sha256sum {} + | sort`;
  const { stdout, code } = await role.exec(line);
  expect(code).toBe(0);
  return stdout;
}
