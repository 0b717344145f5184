import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Status } from '../../src/status/status.ts';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const SPEC = `[haulout]
version = 1
[service.zoo]
image = services/zoo
health = 0s
timeout = 2s
`;
const WELL = '#!/bin/sh\nexit 0\n';
/** Leaves its parent, its session and its standard streams, as daemons do. */
const daemon = (seconds: number) => `setsid sh -c 'sleep ${seconds} & exit 0' < /dev/null > /dev/null 2>&1 &\nwait\n`;

/** Every wait has a deadline, every hook a time limit: DESIGN §2, law 9; reliability F19. */
describeWith([root], 'law 9: a zoo of hooks', () => {
  let role: RoleUnderTest;
  beforeAll(async () => {
    role = await RoleUnderTest.boot({
      'haulout.ini': SPEC,
      'services/zoo/bin/configure': WELL,
      'services/zoo/bin/start': `#!/bin/sh\n${daemon(77090)}`,
    });
    expect((await role.status()).health).toBe('healthy');
  }, 120_000);
  afterAll(() => role?.close());
  afterEach(async () => {
    await role.put('haulout.ini', SPEC);
    await role.put('services/zoo/bin/configure', WELL);
    await role.put('services/zoo/bin/start', `#!/bin/sh\n${daemon(77090)}`);
    await role.delete('services/zoo/bin/check');
    const { health, trouble } = await role.sync();
    expect({ health, trouble }).toEqual({ health: 'healthy', trouble: undefined });
    await role.exec('rm -f /srv/zoo.*');
  });

  async function withHook(hook: string, body: string): Promise<Status & { readonly ms: number }> {
    await role.put(`services/zoo/bin/${hook}`, `#!/bin/sh\n${body}`);
    const status = await role.sync();
    return { ...status, ms: status.lastSync.ms };
  }

  it('keeps what start left running, and ends the scope at state = stopped', async () => {
    expect(await role.pids('sleep 77090')).toHaveLength(1);
    await role.put('haulout.ini', `${SPEC}state = stopped\n`);
    expect(await role.sync()).toMatchObject({ health: 'healthy', services: [{ state: 'stopped' }] });
    expect(await role.pids('sleep 77090')).toEqual([]);
  });

  it('ends a daemon that configure forks off twice', async () => {
    expect(await withHook('configure', daemon(77091))).toMatchObject({ health: 'healthy' });
    expect(await role.pids('sleep 77091')).toEqual([]);
    expect(await role.pids('sleep 77090')).toHaveLength(1);
  });

  it('ends a hook that hangs, and all it forked, at its time limit', async () => {
    const { trouble, ms } = await withHook('configure', 'sleep 77092 &\nsleep 77092\n');
    expect(trouble).toMatchObject({ code: 'hook-timeout', subject: 'service:zoo' });
    expect(trouble?.reason).toContain('bin/configure');
    expect(ms).toBeGreaterThan(1_900);
    expect(ms).toBeLessThan(6_000);
    expect(await role.pids('sleep 77092')).toEqual([]);
  }, 40_000);

  it('kills what does not listen to TERM', async () => {
    const { trouble, ms } = await withHook(
      'configure',
      "trap '' TERM\nwhile :; do sleep 0.5; touch /srv/zoo.alive; done\n",
    );
    expect(trouble?.code).toBe('hook-timeout');
    expect(ms).toBeLessThan(12_000);
    await role.exec('rm -f /srv/zoo.alive; sleep 1');
    expect((await role.exec('test -e /srv/zoo.alive')).code).toBe(1);
  }, 60_000);

  it('ends a start that hangs with all that it left', async () => {
    const { trouble } = await withHook('start', `${daemon(77093)}sleep 77093\n`);
    expect(trouble).toMatchObject({ code: 'hook-timeout' });
    expect(await role.pids('sleep 77093')).toEqual([]);
  }, 40_000);

  it('ends a check that hangs', async () => {
    const { trouble, ms } = await withHook('check', 'sleep 77094\n');
    expect(trouble).toMatchObject({ code: 'check-failed' });
    expect(trouble?.reason).toContain('time limit');
    expect(ms).toBeLessThan(12_000);
    expect(await role.pids('sleep 77094')).toEqual([]);
  }, 60_000);

  it('lives through a flood of output, and keeps the end of it', async () => {
    const [agent] = await role.agents();
    const { trouble } = await withHook('configure', 'yes flood | head -c 90000000\necho the end\nexit 4\n');
    expect(trouble).toMatchObject({ code: 'hook-failed' });
    expect(trouble?.output?.length).toBeLessThan(20_000);
    expect(trouble?.output).toMatch(/flood\nthe end$/);
    expect(await role.agents()).toEqual([agent]);
    const resident = /VmHWM:\s+(\d+) kB/.exec(await role.read(`/proc/${agent}/status`))?.[1];
    expect(Number(resident)).toBeLessThan(300_000);
  }, 40_000);

  it('lives through a flood of start into its log, and cuts the log', async () => {
    await withHook('start', 'yes flood | head -c 20000000\n');
    await role.sync();
    expect(Number((await role.exec('stat -c %s /var/log/haulout/services/zoo.log')).stdout)).toBeLessThan(2_000_000);
  }, 40_000);

  it('waits no longer than a hook lives although its child keeps the output open', async () => {
    const { health, ms } = await withHook('start', 'sleep 77095 &\nsleep 77095 2>&1 | cat &\n');
    expect(health).toBe('healthy');
    expect(ms).toBeLessThan(8_000);
    expect((await role.pids('sleep 77095')).length).toBeGreaterThan(0);
  });

  it('names the signal that ended a hook', async () => {
    const { trouble } = await withHook('configure', 'kill -SEGV $$\n');
    expect(trouble?.reason).toMatch(/SIGSEGV|code 139/);
  });
});
