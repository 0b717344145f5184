import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Status } from '../../src/status/status.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { describeWith, root } from '../support/needs.ts';
import { BUCKET, type RoleFiles, RoleUnderTest } from '../support/role.ts';

const SPOT = 'spot/instance-action';
const IDS = ['db', 'app', 'web'] as const;
const MARKS = { db: 77_111, app: 77_112, web: 77_113 };

/** It does while the file is there: a hook that hangs in every image would hang when it is replaced, too. */
const hangs = (name: string) => `if [ -e /srv/hang-${name} ]; then trap "" TERM; sleep 600; fi\n`;

function image(id: (typeof IDS)[number]): RoleFiles {
  const hook = (name: string, more = '') => `#!/bin/sh\necho ${name} ${id} >> /srv/log\n${more}`;
  return {
    [`services/${id}/bin/start`]: hook('start', `sleep ${MARKS[id]} &\n`),
    [`services/${id}/bin/drain`]: hook(
      'drain',
      `grep -A 3 '^.notice' "$2" >> /srv/notice-${id}\n${hangs(`drain-${id}`)}`,
    ),
    [`services/${id}/bin/stop`]: hook('stop', `sleep 0.5\n${hangs(`stop-${id}`)}`),
  };
}

const FILES: RoleFiles = {
  'haulout.ini': `[haulout]\nversion = 1\n${IDS.map((id) => `[service.${id}]\nimage = services/${id}\nhealth = 0s\n`).join('')}`,
  ...Object.assign({}, ...IDS.map(image)),
};

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString().replace(/\.\d+Z$/, 'Z');
const interruption = (seconds: number) => JSON.stringify({ action: 'terminate', time: inSeconds(seconds) });

class Leaving {
  readonly role: RoleUnderTest;

  constructor(role: RoleUnderTest) {
    this.role = role;
  }

  async told(): Promise<Status> {
    const key = `.haulout/instances/role/${this.role.machine.instanceId}.json`;
    return JSON.parse(Buffer.from((await this.role.cloud.s3.get(BUCKET, key, 1e7)) ?? '{}').toString()) as Status;
  }

  /** Seconds until the bucket says so. */
  async until(state: string, withinMs: number): Promise<number> {
    const begun = performance.now();
    while ((await this.told()).lease?.state !== state) {
      if (performance.now() - begun > withinMs) throw new Error(`not ${state}: ${await this.role.log()}`);
      await pause(50);
    }
    return (performance.now() - begun) / 1_000;
  }

  async alive(): Promise<string[]> {
    const found = await Promise.all(IDS.map((id) => this.role.pids(`sleep ${MARKS[id]}`)));
    return IDS.filter((_, index) => found[index]!.length > 0);
  }

  /** What was called since the last look. */
  async calls(): Promise<string[]> {
    const text = await this.role.read('/srv/log').catch(() => '');
    await this.role.exec(': > /srv/log');
    return text.split('\n').filter((line) => line !== '');
  }

  /** Resolves when all services run again. */
  async isBack(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    while ((await this.alive()).length < IDS.length || (await this.told()).lease?.state !== 'active') {
      if (performance.now() > end) throw new Error(`not back: ${await this.role.log()}`);
      await pause(100);
    }
  }
}

/** The end of an instance, announced: DESIGN §7, "termination notice, shutdown". */
describeWith([root], 'an instance that leaves', () => {
  let at: Leaving;
  const network = { store: new FaultProxy(), metadata: new FaultProxy() };
  beforeAll(async () => {
    at = new Leaving(await RoleUnderTest.boot(FILES, { network }));
    expect(await at.alive()).toEqual([...IDS]);
    await at.calls();
  }, 120_000);
  afterAll(async () => {
    await at?.role.close();
    network.store.close();
    network.metadata.close();
  });

  it('a spot notice of 40 s: drain hooks, stop hooks in reverse order, and the tombstone in time', async () => {
    at.role.cloud.announce(at.role.machine, SPOT, interruption(40));
    const draining = await at.until('draining', 15_000);
    const told = await at.told();
    expect(told.lease?.notice).toMatchObject({ kind: 'spot', deadline: expect.stringMatching(/Z$/) });
    const ended = draining + (await at.until('ended', 35_000));
    process.stdout.write(`goodbye: ${ended.toFixed(1)} s from the notice to the tombstone, 3 services\n`);
    expect(ended).toBeLessThan(20);
    const calls = await at.calls();
    expect(calls.slice(0, 3).sort()).toEqual(['drain app', 'drain db', 'drain web']);
    expect(calls.slice(3)).toEqual(['stop web', 'stop app', 'stop db']);
    expect(await at.alive()).toEqual([]);
    const { services } = await at.told();
    expect(services.map(({ id, state }) => [id, state])).toEqual(IDS.map((id) => [id, 'stopped']));
    expect(await at.role.read('/srv/notice-web')).toMatch(/^\[notice\]\nkind=spot\nseconds=[12]\d\ndeadline=\S+Z\n/);
  }, 90_000);

  it('nothing is started while it leaves: who asks for a sync hears that it has left', async () => {
    const { stdout } = await at.role.exec('haulout status');
    expect(stdout).toMatch(/^lease +ended \(spot, heard /m);
    expect((await at.role.sync()).lease?.state).toBe('ended');
    await at.role.killAgent();
    await at.role.startAgent();
    await pause(7_000);
    expect([await at.alive(), await at.calls()]).toEqual([[], []]);
    expect((await at.told()).lease).toMatchObject({ generation: 1, state: 'ended' });
  }, 60_000);

  it('the notice is taken back: its services run again, and its lease is active', async () => {
    at.role.cloud.announce(at.role.machine, SPOT, undefined);
    await at.isBack(30_000);
    expect((await at.calls()).sort()).toEqual(IDS.map((id) => `start ${id}`).sort());
    expect(await at.told()).toMatchObject({ health: 'healthy', lease: { generation: 1, state: 'active' } });
    expect((await at.told()).lease?.notice).toBeUndefined();
    expect(await at.role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
  }, 60_000);

  it('a recommendation is a word in the status, and stops nothing', async () => {
    const path = 'events/recommendations/rebalance';
    at.role.cloud.announce(at.role.machine, path, JSON.stringify({ noticeTime: inSeconds(0) }));
    const end = performance.now() + 45_000;
    while ((await at.told()).lease?.notice?.kind !== 'rebalance' && performance.now() < end) await pause(200);
    expect((await at.told()).lease).toMatchObject({ state: 'active', notice: { kind: 'rebalance' } });
    expect([await at.alive(), await at.calls()]).toEqual([[...IDS], []]);
    at.role.cloud.announce(at.role.machine, path, undefined);
  }, 60_000);

  it('a stop hook that hangs holds up neither the others nor the tombstone', async () => {
    await at.role.exec('touch /srv/hang-stop-app /srv/hang-drain-app');
    const begun = performance.now();
    at.role.cloud.announce(at.role.machine, SPOT, interruption(30));
    await at.until('ended', 31_000);
    const seconds = (performance.now() - begun) / 1_000;
    process.stdout.write(`goodbye: ${seconds.toFixed(1)} s with a stop hook that hangs, of 30\n`);
    expect(seconds).toBeLessThan(30);
    expect(await at.calls()).toEqual(expect.arrayContaining(['stop web']));
    expect((await at.told()).notes.join('\n')).toContain('service:app: bin/drain did not end within its time limit');
    at.role.cloud.announce(at.role.machine, SPOT, undefined);
    await at.isBack(60_000);
    await at.role.exec('rm /srv/hang-*');
    expect(await at.role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
    await pause(3_000); // whatever hung has ended by now, and has taken nothing of what was started again with it
    expect(await at.alive()).toEqual([...IDS]);
    await at.calls();
  }, 150_000);

  it('a notice that is taken back in the middle: what was stopped runs again', async () => {
    await at.role.exec('touch /srv/hang-stop-web');
    at.role.cloud.announce(at.role.machine, SPOT, interruption(60));
    await at.until('draining', 15_000);
    at.role.cloud.announce(at.role.machine, SPOT, undefined);
    await at.isBack(60_000);
    const calls = await at.calls();
    expect([calls.includes('stop web'), calls.includes('stop db')]).toEqual([true, false]);
    await at.role.exec('rm /srv/hang-*');
    await at.calls();
  }, 90_000);

  it('the metadata service is gone after the notice: the tombstone is written all the same', async () => {
    at.role.cloud.announce(at.role.machine, SPOT, interruption(40));
    await at.until('draining', 15_000);
    network.metadata.befalls = { fault: { kind: 'silence' } };
    const ended = await at.until('ended', 38_000);
    expect((await at.calls()).slice(-3)).toEqual(['stop web', 'stop app', 'stop db']);
    process.stdout.write(`goodbye: ${ended.toFixed(1)} s without metadata\n`);
    await pause(8_000);
    expect(await at.alive()).toEqual([]);
    network.metadata.befalls = undefined;
    at.role.cloud.announce(at.role.machine, SPOT, undefined);
    await at.isBack(60_000);
    await at.calls();
  }, 150_000);

  it('haulout shutdown says goodbye, and its agent started anew does not forget it', async () => {
    const { code, stdout, durationMs } = await at.role.exec('haulout shutdown --kind shutdown', 120_000);
    expect([code, stdout.split('\n')[0]]).toEqual([0, expect.stringContaining(at.role.machine.instanceId)]);
    process.stdout.write(`goodbye: ${(durationMs / 1_000).toFixed(1)} s for haulout shutdown\n`);
    expect((await at.calls()).slice(3)).toEqual(['stop web', 'stop app', 'stop db']);
    expect((await at.told()).lease).toMatchObject({ state: 'ended', notice: { kind: 'shutdown' } });
    expect((await at.role.exec('haulout shutdown --within 5s')).code).toBe(0);
    await at.role.killAgent();
    expect((await at.role.exec('haulout sync --json')).stdout).toContain('"state":"ended"');
    expect(await at.alive()).toEqual([]);
  }, 120_000);

  it('the next boot of the machine is another generation, and active', async () => {
    // As a boot leaves it: another boot id, and what was started is gone.
    await at.role.exec(
      `for f in farewell boots waits identity; do sed -i 's/"bootId":"[^"]*"/"bootId":"before"/' /var/lib/haulout/$f.json; done; sed -i 's/"boot":"[^"]*"/"boot":"before"/g' /var/lib/haulout/ledger.json`,
    );
    await at.role.startAgent();
    await at.isBack(30_000);
    expect((await at.told()).lease).toMatchObject({ generation: 2, state: 'active' });
    await at.calls();
  }, 60_000);

  it('haulout shutdown where no agent runs does it itself', async () => {
    await at.role.killAgent();
    const { code } = await at.role.exec('haulout shutdown --within 30s', 60_000);
    expect([code, (await at.calls()).slice(-3)]).toEqual([0, ['stop web', 'stop app', 'stop db']]);
    expect((await at.told()).lease).toMatchObject({ state: 'ended', notice: { kind: 'shutdown' } });
  }, 90_000);

  it.each(['--kind spot', '--within soon', '--within 2h', '--within'])(
    'haulout shutdown %s is wrong use',
    async (words) => {
      expect((await at.role.exec(`haulout shutdown ${words}`)).code).toBe(64);
    },
  );
});

describeWith([root], 'an agent that is killed, and one that is told to end', () => {
  let at: Leaving;
  beforeAll(async () => {
    at = new Leaving(await RoleUnderTest.boot(FILES));
    await at.calls();
  }, 120_000);
  afterAll(() => at?.role.close());

  it.each(['-9', '-TERM'])(
    'kill %s stops no service and writes no tombstone',
    async (signal) => {
      const [agent] = await at.role.agents();
      await at.role.exec(`kill ${signal} ${agent}`);
      await at.role.killAgent();
      await pause(1_000);
      expect([await at.alive(), await at.calls()]).toEqual([[...IDS], []]);
      expect((await at.told()).lease?.state).toBe('active');
      await at.role.startAgent();
      expect(await at.role.sync()).toMatchObject({ lastSync: { steps: 0 }, lease: { generation: 1, state: 'active' } });
    },
    60_000,
  );
});

const STUBBORN = `#!/bin/sh
case $1 in stop) echo it will not; exit 1 ;; esac
`;

describeWith([root], 'an instance that leaves with a service that does not stop', () => {
  let role: RoleUnderTest;
  beforeAll(async () => {
    role = await RoleUnderTest.boot(
      { 'haulout.ini': '[haulout]\nversion = 1\n[service.web]\nunit = stubborn\nhealth = 0s\n' },
      { plant: { '/etc/init.d/stubborn': { content: STUBBORN, mode: 0o755 } } },
    );
  }, 120_000);
  afterAll(() => role?.close());

  it('does not say that it is stopped, and says what went wrong', async () => {
    const { code, stdout } = await role.exec('haulout shutdown --within 20s --json');
    expect([code, JSON.parse(stdout)]).toMatchObject([
      0,
      {
        lease: { state: 'ended' },
        services: [{ id: 'web', state: 'healthy' }],
        notes: [expect.stringMatching(/^service:web: .*It said last: it will not$/)],
      },
    ]);
  }, 60_000);
});
