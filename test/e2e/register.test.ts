import http from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';
import { eventually } from '../support/scratch.ts';

const PORT = 9_100;
const HOST = `http://10.77.0.1:${PORT}/hosts`;
const FILES = {
  'haulout.ini': `[haulout]
version = 1

[service.app]
image  = services/app
health = 0s

[register.monitor]
up   = curl -fsS -X PUT ${HOST}/$HAULOUT_INSTANCE_ID/$HAULOUT_ADDRESS
down = curl -fsS -X DELETE ${HOST}/$HAULOUT_INSTANCE_ID
`,
  'services/app/bin/start': '#!/bin/sh\nsleep 77120 &\n',
  'services/app/bin/stop': `#!/bin/sh\ncurl -fsS -X POST ${HOST}/stopping\n`,
};

/** What an administrator says on the machine: it looks at the bucket by itself, every two seconds. */
const OFTEN = '[haulout]\nschedule = */2 * * * * *\nsplay = 0s\nwake = off\nupgrade = never\n';
const WITHOUT = FILES['haulout.ini'].slice(0, FILES['haulout.ini'].indexOf('[register'));
const ABSENT = `${FILES['haulout.ini'].replaceAll(HOST, `${HOST}/new`)}state = absent\n`;

/** A machine announces itself at a central host, a real one behind HTTP, and takes itself out: `[register.NAME]`. */
describeWith([root], 'an announcement', () => {
  const heard: string[] = [];
  let isOpen = true;
  let role: RoleUnderTest;

  const central = http.createServer((request, response) => {
    heard.push(`${isOpen ? '' : 'refused '}${request.method} ${request.url}`);
    response.writeHead(isOpen ? 204 : 503).end();
  });
  const since = (from: number) => heard.slice(from).filter((line) => !line.startsWith('refused'));

  beforeAll(async () => {
    role = await RoleUnderTest.boot(FILES);
  }, 120_000);
  afterAll(() => role?.close());

  it('that nobody hears makes a first boot no failure: the machine serves, and is degraded', async () => {
    expect(await role.status()).toMatchObject({
      health: 'degraded',
      trouble: { code: 'register-failed', step: 'register', subject: 'register:monitor' },
    });
  });

  it('comes as soon as it is heard, once, with the address', async () => {
    await role.cloud.expose(PORT, central);
    expect(await eventually(async () => (await role.status()).health === 'healthy', 60_000)).toBe(true);
    const { instanceId, address } = role.machine;
    expect(heard).toEqual([`PUT /hosts/${instanceId}/${address}`]);
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
    expect(heard).toHaveLength(1);
  }, 90_000);

  it('comes again when its line changes, is told where it fails, and is tried until it is heard', async () => {
    isOpen = false;
    await role.put('haulout.ini', FILES['haulout.ini'].replace('$HAULOUT_ADDRESS', '$HAULOUT_ADDRESS/again'));
    const failed = await role.sync();
    expect(failed).toMatchObject({
      health: 'degraded',
      trouble: { code: 'register-failed', step: 'register', subject: 'register:monitor' },
    });
    // Nobody hears it: that is no fault of the content, which is in force and is kept.
    expect(failed.content.active).toBe(failed.content.wanted);
    expect(failed.content.setAside).toBeUndefined();
    const from = heard.length;
    isOpen = true;
    expect(await eventually(async () => (await role.status()).health === 'healthy', 60_000)).toBe(true);
    const { instanceId, address } = role.machine;
    expect(since(from)).toEqual([`PUT /hosts/${instanceId}/${address}/again`]);
  }, 90_000);

  it('is taken out where its section says another `down`, before it comes at the new place', async () => {
    const from = heard.length;
    await role.put('haulout.ini', FILES['haulout.ini'].replaceAll(HOST, `${HOST}/new`));
    expect(await role.sync()).toMatchObject({ health: 'healthy', notes: [] });
    const { instanceId, address } = role.machine;
    expect(since(from)).toEqual([`DELETE /hosts/${instanceId}`, `PUT /hosts/new/${instanceId}/${address}`]);
  }, 60_000);

  it('stays where its section is gone: absence is not an instruction', async () => {
    const from = heard.length;
    await role.put('haulout.ini', WITHOUT);
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
    expect(heard).toHaveLength(from);
  }, 60_000);

  it('is taken out where it is to be absent, and that is tried until it is heard', async () => {
    isOpen = false;
    await role.put('haulout.ini', ABSENT);
    const from = heard.length;
    const failed = await role.sync();
    expect(failed).toMatchObject({
      health: 'degraded',
      trouble: { code: 'register-failed', step: 'register', subject: 'register:monitor' },
    });
    expect(failed.content.active).toBe(failed.content.wanted);
    expect(await eventually(() => heard.length >= from + 3, 60_000)).toBe(true);
    const { instanceId, address } = role.machine;
    expect(new Set(heard.slice(from))).toEqual(new Set([`refused DELETE /hosts/new/${instanceId}`]));
    isOpen = true;
    expect(await eventually(async () => (await role.status()).health === 'healthy', 60_000)).toBe(true);
    expect(since(from)).toEqual([`DELETE /hosts/new/${instanceId}`]);
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
    expect(since(from)).toHaveLength(1);
    await role.put('haulout.ini', FILES['haulout.ini']);
    await role.sync();
    expect(since(from).slice(1)).toEqual([`PUT /hosts/${instanceId}/${address}`]);
  }, 120_000);

  it('is made again after `renew`, though nothing has changed, and that counts as nothing done', async () => {
    await role.exec(`printf '${OFTEN}' > /etc/haulout/haulout.ini`);
    await role.put('haulout.ini', `${FILES['haulout.ini']}renew = 1m\n`);
    const { content } = await role.sync();
    const from = heard.length;
    const acted = async () => (await role.events()).filter((e) => e.event === 'round' && e.status.lastSync.steps > 0);
    const before = await acted();
    expect(await eventually(() => since(from).length > 0, 90_000)).toBe(true);
    const { instanceId, address } = role.machine;
    expect(since(from)).toEqual([`PUT /hosts/${instanceId}/${address}`]);
    // The round that it was in is over then.
    expect(await role.sync()).toMatchObject({ health: 'healthy', content, lastSync: { steps: 0, changed: [] } });
    expect(await acted()).toEqual(before);
    await role.put('haulout.ini', FILES['haulout.ini']);
    await role.sync();
  }, 150_000);

  it('is taken back before the services stop, and comes again when the notice goes', async () => {
    const from = heard.length;
    const time = new Date(Date.now() + 60_000).toISOString().replace(/\.\d+Z$/, 'Z');
    role.cloud.announce(role.machine, 'spot/instance-action', JSON.stringify({ action: 'terminate', time }));
    expect(await eventually(() => since(from).length >= 2, 30_000)).toBe(true);
    const { instanceId, address } = role.machine;
    expect(since(from)).toEqual([`DELETE /hosts/${instanceId}`, 'POST /hosts/stopping']);
    role.cloud.announce(role.machine, 'spot/instance-action', undefined);
    expect(await eventually(() => since(from).length >= 3, 60_000)).toBe(true);
    expect(since(from)[2]).toBe(`PUT /hosts/${instanceId}/${address}`);
  }, 120_000);

  it('is taken back as well by a goodbye that no agent has to say, though its section is gone by then', async () => {
    await role.put('haulout.ini', WITHOUT);
    expect(await role.sync()).toMatchObject({ health: 'healthy' });
    await role.killAgent();
    const from = heard.length;
    expect((await role.exec('haulout shutdown --within 30s')).code).toBe(0);
    expect(since(from)).toEqual([`DELETE /hosts/${role.machine.instanceId}`, 'POST /hosts/stopping']);
  }, 60_000);
});
