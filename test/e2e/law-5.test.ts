import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Fault } from '../../src/cloud/s3/faults.ts';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const STATE = '/var/lib/haulout';
const SPEC = `[haulout]
version = 1
[files]
/etc/motd.role = template
[service.clock]
image = services/clock
watch = /etc/clock.conf
health = 0s
[job.never]
schedule = 0 0 1 1 *
run = true
`;
/** What may befall a path, as a line of shell; `$p` is the path. */
const DAMAGES = {
  missing: 'rm -rf "$p"',
  empty: 'rm -rf "$p"; : > "$p"',
  random: 'rm -rf "$p"; head -c 3000 /dev/urandom > "$p"',
  half: '[ -f "$p" ] && truncate -s $(($(stat -c %s "$p") / 2)) "$p"',
  directory: 'rm -rf "$p"; mkdir "$p"; : > "$p/x"',
  link: 'rm -rf "$p"; ln -s /etc/shadow "$p"',
  pipe: 'rm -rf "$p"; mkfifo "$p"',
  huge: 'rm -rf "$p"; truncate -s 100G "$p"',
} as const;
/** Without these no agent starts: the launcher brings them back. */
const LAUNCHERS = /^(settings|agent|agent\/(current|[0-9a-f]{64}\.mjs))$/;

/** Any local state file may be missing, empty, torn or hostile: DESIGN §2, law 5; reliability F24. */
describeWith([root], 'law 5', () => {
  let role: RoleUnderTest;
  let shadow: string;
  let fault: Fault | undefined;
  const starts = async () => (await role.read('/srv/log')).split('\n').length - 1;
  beforeAll(async () => {
    role = await RoleUnderTest.boot(
      {
        'haulout.ini': SPEC,
        'root/etc/clock.conf': 'one\n',
        'root/etc/motd.role': 'I am {{ instance.instanceId }}\n',
        'services/clock/bin/start': '#!/bin/sh\necho start >> /srv/log\nsleep 77051 &\n',
      },
      { faults: () => fault },
    );
    expect((await role.status()).health).toBe('healthy');
    shadow = (await role.exec('cat /etc/shadow; stat -c "%a %U %Y" /etc/shadow')).stdout;
  }, 120_000);
  afterAll(() => role?.close());

  async function paths(): Promise<string[]> {
    const found = await readdir(role.path(STATE), { recursive: true, withFileTypes: true });
    const all = found.map((entry) => join(entry.parentPath, entry.name).slice(role.path(STATE).length + 1));
    return all.filter((path) => !path.startsWith('damaged')).sort();
  }

  async function damage(path: string, how: keyof typeof DAMAGES): Promise<void> {
    await role.exec(`p='${join(STATE, path)}'; ${DAMAGES[how]}`);
  }

  /** Converges with what is left; at most one more activation where the ledger was the victim, else none. */
  async function converges(what: string, ledgerLost: boolean): Promise<void> {
    const before = await starts();
    let status = await role.sync();
    // Content that is damaged in the cache is found when it is needed: then one round fetches it anew.
    if (status.health !== 'healthy') status = await role.sync();
    expect({ what, health: status.health, trouble: status.trouble }).toEqual({ what, health: 'healthy' });
    const activated = (await starts()) - before;
    expect({ what, activated, ok: activated <= (ledgerLost ? 1 : 0) }).toMatchObject({ what, ok: true });
    const again = await role.sync();
    expect({ what, steps: again.lastSync.steps, health: again.health }).toEqual({ what, steps: 0, health: 'healthy' });
    expect(await role.status()).toMatchObject({ health: 'healthy' });
    expect(await role.read('/etc/clock.conf')).toBe('one\n');
    expect(await role.read('/etc/motd.role')).toBe(`I am ${role.machine.instanceId}\n`);
  }

  it('knows the state it damages', async () => {
    const all = await paths();
    for (const name of ['ledger.json', 'status.json', 'last.json', 'identity.json', 'settings', 'objects', 'snapshots'])
      expect(all).toContain(name);
    expect(all.length).toBeGreaterThan(12);
  });

  for (const how of Object.keys(DAMAGES) as (keyof typeof DAMAGES)[]) {
    it(`converges after each path was damaged: ${how}, the agent alive`, async () => {
      const victims = (await paths()).filter((path) => !LAUNCHERS.test(path));
      for (const path of victims) {
        await damage(path, how);
        await converges(`${path} ${how}`, path === 'ledger.json');
      }
      process.stdout.write(`law 5: ${victims.length} paths, ${how}\n`);
    }, 120_000);
  }

  for (const path of ['snapshots', 'objects', 'last.json']) {
    it(`puts drift back without a bucket, after ${path} was lost and one sync could mend it`, async () => {
      await damage(path, 'missing');
      await role.sync();
      fault = { status: 403, code: 'AccessDenied' };
      try {
        await role.exec('echo mine > /etc/clock.conf; rm /etc/motd.role');
        await role.sync();
        expect(await role.read('/etc/clock.conf')).toBe('one\n');
        expect(await role.read('/etc/motd.role')).toBe(`I am ${role.machine.instanceId}\n`);
      } finally {
        fault = undefined;
      }
      expect((await role.sync()).health).toBe('healthy');
    });
  }

  it('converges when the agent starts on damaged state, each file in turn', async () => {
    const hows = Object.keys(DAMAGES) as (keyof typeof DAMAGES)[];
    const victims = (await paths()).filter((path) => !LAUNCHERS.test(path));
    for (const [index, path] of victims.entries()) {
      await role.killAgent();
      await damage(path, hows[index % hows.length]!);
      await role.startAgent();
      await converges(`${path} ${hows[index % hows.length]}, started`, path === 'ledger.json');
    }
  }, 120_000);

  it('converges when all of it is gone at once and the agent was killed', async () => {
    await role.killAgent();
    await role.exec(`cd ${STATE} && rm -rf ledger.json status.json last.json identity.json objects snapshots damaged`);
    await role.startAgent();
    await converges('everything', true);
    expect((await role.exec(`stat -c '%a %U' ${STATE} ${STATE}/objects`)).stdout).toBe('700 root\n700 root\n');
  });

  it('converges where its places in memory and its logs are something else, the agent alive and started', async () => {
    const places = ['/run/haulout/requests', '/run/haulout/answers', '/run/haulout/lock', '/run/haulout/resident.lock'];
    const logs = ['agent.log', 'events.jsonl', 'services', 'services/clock.log'].map(
      (name) => `/var/log/haulout/${name}`,
    );
    for (const [index, path] of [...places, ...logs].entries()) {
      const how = (['random', 'directory', 'link', 'pipe', 'missing'] as const)[index % 5]!;
      await role.exec(`p='${path}'; ${DAMAGES[how]}`);
      await converges(`${path} ${how}`, false);
      await role.killAgent();
      await role.exec(`p='${path}'; ${DAMAGES[how]}`);
      // Where the log itself is in the way, user-data is what starts the agent.
      if (path.endsWith('agent.log')) await role.exec('sh /var/lib/cloud/instance/scripts/part-001', 120_000);
      else await role.startAgent();
      await converges(`${path} ${how}, started`, false);
    }
  }, 120_000);

  it('starts a service whose log is something else', async () => {
    for (const how of ['directory', 'pipe', 'link'] as const) {
      await role.exec(`p=/var/log/haulout/services/clock.log; ${DAMAGES[how]}`);
      await role.put('root/etc/clock.conf', `${how}\n`);
      expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 2 } });
    }
    await role.exec('rm -rf /var/log/haulout/services/clock.log');
    await role.put('root/etc/clock.conf', 'one\n');
    expect((await role.sync()).health).toBe('healthy');
  }, 60_000);

  it('keeps its hands off what a planted link leads to', async () => {
    expect((await role.exec('cat /etc/shadow; stat -c "%a %U %Y" /etc/shadow')).stdout).toBe(shadow);
  });

  it('says what to do where its settings are lost, and that helps', async () => {
    for (const how of ['missing', 'random', 'directory'] as const) {
      await role.killAgent();
      await damage('settings', how);
      const { code, output } = await role.exec('haulout sync');
      expect(code).not.toBe(0);
      expect(output).toContain('/var/lib/cloud/instance/scripts/part-001');
      await role.exec('sh /var/lib/cloud/instance/scripts/part-001', 120_000);
      await converges(`settings ${how}`, false);
    }
  }, 120_000);

  it('gets a damaged agent back from the bucket by running user-data again', async () => {
    for (const how of ['missing', 'half', 'empty', 'link'] as const) {
      await role.killAgent();
      for (const path of (await paths()).filter((name) => name.startsWith('agent/'))) await damage(path, how);
      const { code, output } = await role.exec('sh /var/lib/cloud/instance/scripts/part-001', 120_000);
      expect({ how, code, output: code === 0 ? '' : output }).toEqual({ how, code: 0, output: '' });
      await converges(`agent ${how}`, false);
    }
  }, 120_000);
});
