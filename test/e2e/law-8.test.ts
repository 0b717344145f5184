import { readdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';
import { TINY } from '../support/tiny.ts';

const KILLS = 10;
const SPEC = `[haulout]
version = 1
[files]
/etc/init.d/tiny = mode=0755
[service.clock]
image = services/clock
watch = /etc/clock.conf
health = 0s
[service.tiny]
unit = tiny
watch = /etc/tiny.conf
health = 0s
[service.slow]
image = services/slow
watch = /etc/slow.conf
health = 0s
`;

/** Services outlive the agent: DESIGN §2, law 8; reliability F14. */
describeWith([root], 'law 8', () => {
  let role: RoleUnderTest;
  let pids: readonly number[];
  const services = async () => [...(await role.pids('sleep 77081')), ...(await role.pids('sleep 77082'))];
  beforeAll(async () => {
    role = await RoleUnderTest.boot({
      'haulout.ini': SPEC,
      'root/etc/init.d/tiny': TINY,
      'root/etc/clock.conf': 'one\n',
      'root/etc/tiny.conf': 'one\n',
      'root/etc/slow.conf': 'quick\n',
      'services/slow/bin/configure': '#!/bin/sh\n! grep -q slow /etc/slow.conf || exec sleep 77083\n',
      'services/slow/bin/start': '#!/bin/sh\n',
      'services/clock/bin/start': '#!/bin/sh\necho start >> /srv/log\n(while :; do sleep 77081; echo tick; done) &\n',
    });
    expect(await role.status()).toMatchObject({ health: 'healthy' });
    pids = await services();
  }, 120_000);
  afterAll(() => role?.close());

  it('has both services running to begin with', async () => {
    expect(pids).toHaveLength(2);
    expect(await role.read('/srv/log')).toBe('start\n');
  });

  it('is started again after a kill, without systemd too', async () => {
    const [agent] = await role.agents();
    await role.exec(`kill -9 ${agent}`);
    const end = performance.now() + 15_000;
    while ((await role.agents()).filter((pid) => pid !== agent).length === 0) {
      expect(performance.now()).toBeLessThan(end);
      await pause(100);
    }
    expect(await services()).toEqual(pids);
    await role.sync();
  });

  it(`keeps every process through ${KILLS} kills of the agent, and starts nothing twice`, async () => {
    for (let i = 0; i < KILLS; i++) {
      const before = await role.agents();
      expect(before).toHaveLength(1);
      await role.killAgent();
      expect(await services()).toEqual(pids);
      await role.startAgent();
      expect(await role.agents()).not.toEqual(before);
      expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
      expect(await services()).toEqual(pids);
    }
    expect(await role.read('/srv/log')).toBe('start\n');
    process.stdout.write(`law 8: ${KILLS} kills, ${pids.length} services, 0 restarts\n`);
  }, 60_000);

  it('ends on TERM without touching a service', async () => {
    const [agent] = await role.agents();
    await role.exec(`kill -TERM ${agent}; while kill -0 ${agent} 2> /dev/null; do sleep 0.05; done`);
    expect(await services()).toEqual(pids);
  });

  it('ends soon after TERM in the middle of a long hook, too, and takes it up again', async () => {
    // The first round of a new life, which nobody waits for: one who waits takes over when the agent ends.
    await role.put('root/etc/slow.conf', 'slow\n');
    await role.startAgent();
    while ((await role.pids('sleep 77083')).length === 0) await pause(50);
    const [agent] = await role.agents();
    const { code } = await role.exec(
      `kill -TERM ${agent}; for i in $(seq 15); do kill -0 ${agent} 2> /dev/null || exit 0; sleep 1; done; exit 1`,
    );
    expect(code).toBe(0);
    expect(await services()).toEqual(pids);
    await role.put('root/etc/slow.conf', 'quick\n');
    await role.startAgent();
    expect(await role.sync()).toMatchObject({ health: 'healthy' });
    expect(await role.pids('sleep 77083')).toEqual([]);
    expect(await services()).toEqual(pids);
    const [again] = await role.agents();
    await role.exec(`kill -TERM ${again}; while kill -0 ${again} 2> /dev/null; do sleep 0.05; done`);
  }, 60_000);

  it('syncs in the command itself where no agent is resident', async () => {
    expect(await role.agents()).toEqual([]);
    await role.put('root/etc/clock.conf', 'two\n');
    expect(await role.sync()).toMatchObject({ health: 'healthy' });
    expect(await role.read('/etc/clock.conf')).toBe('two\n');
    expect(await role.read('/srv/log')).toBe('start\nstart\n');
    expect(await role.agents()).toEqual([]);
    // What the first start left is not ended by a second one, and lives on after the command, as the second's does.
    expect(await services()).toEqual(expect.arrayContaining([...pids]));
  });

  it('refuses a second agent, and a killed one leaves no stale lock', async () => {
    await role.startAgent();
    const second = await role.exec('haulout run');
    expect(second).toMatchObject({ code: 75 });
    expect(second.output).toContain('another agent');
    expect(await role.agents()).toHaveLength(1);
    expect((await role.sync()).lastSync.steps).toBe(0);
  });

  it('answers a sync that is asked for while the agent is only starting, and stays', async () => {
    for (let i = 0; i < 6; i++) {
      await role.killAgent();
      const [asked] = await Promise.all([role.exec(`sleep 0.${i}; timeout 20 haulout sync`), role.startAgent()]);
      expect({ round: i, code: asked.code }).toEqual({ round: i, code: 0 });
      expect(await role.agents()).toHaveLength(1);
    }
  }, 90_000);

  it('answers several that ask at once, with and without an agent', async () => {
    const ask = () => Promise.all([1, 2, 3].map(() => role.exec('timeout 20 haulout sync')));
    expect((await ask()).map(({ code }) => code)).toEqual([0, 0, 0]);
    await role.killAgent();
    expect((await ask()).map(({ code }) => code)).toEqual([0, 0, 0]);
    expect((await role.exec('ls -A /run/haulout/requests /run/haulout/answers')).stdout).not.toMatch(/[0-9a-f]{8}-/);
    await role.startAgent();
  }, 60_000);

  it('takes over when the agent is killed while somebody waits for its answer', async () => {
    await role.exec(`kill -STOP ${await role.agents()}`);
    const asked = role.exec('timeout 30 haulout sync');
    while ((await readdir(role.path('/run/haulout/requests'))).length === 0) await pause(20);
    await role.killAgent();
    expect((await asked).code).toBe(0);
    await role.startAgent();
    expect(await role.read('/srv/log')).toBe('start\nstart\n');
  }, 60_000);
});
