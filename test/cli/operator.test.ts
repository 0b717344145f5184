import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LocalCloud, type Machine } from '../../src/cloud/local.ts';
import type { Status } from '../../src/status/status.ts';
import { type CliResult, haulout } from '../support/cli.ts';
import { describeWith, root } from '../support/needs.ts';
import { dist } from '../support/role.ts';
import { roleForAll, TINY, testDirectory, writeRole } from '../support/role-files.ts';
import { eventually } from '../support/scratch.ts';

const BUCKET = 'fleet';

interface Planned {
  readonly instance: string;
  readonly steps: readonly { readonly subject: string; readonly why: string }[];
}

/** The operator's own path: the role into a bucket, the script that is printed into the instance, and the commands there. */
describeWith([root], 'an instance launched with what haulout userdata printed', () => {
  const role = roleForAll(join(testDirectory(), 'tiny'), TINY);
  let cloud: LocalCloud;
  let machine: Machine;
  let printed: CliResult;
  let env: Record<string, string>;
  const consoleLines: string[] = [];

  beforeAll(async () => {
    cloud = await LocalCloud.open({ gatewayScript: join(dist, 'gateway.mjs') });
    const mirror = await cloud.mirror(role, BUCKET, 'envs/tiny');
    await mirror.close();
    env = {
      AWS_ACCESS_KEY_ID: cloud.accessKeyId,
      AWS_SECRET_ACCESS_KEY: cloud.secretAccessKey,
      AWS_ENDPOINT_URL_S3: cloud.endpoint,
      AWS_REGION: cloud.region,
    };
    const words = ['userdata', `s3://${BUCKET}/envs/tiny`, '--settle', '1s', '--format', 'mime'];
    printed = await haulout([...words, '--instance-endpoint-url', cloud.instanceEndpoint], { env });
    const onConsole = (line: string) => consoleLines.push(line);
    machine = await cloud.launch({ role: 'tiny', userData: printed.bytes, onConsole });
  }, 60_000);
  afterAll(() => cloud?.close(), 60_000);

  const inside = async (line: string) => {
    const { code, stdout, output } = await machine.exec(['/bin/sh', '-c', line], { keepBytes: 4_000_000 });
    return { code, stdout, output };
  };

  it('boots: the launcher finds the agent, the agent the role', async () => {
    expect(printed.code).toBe(0);
    const isUp = async () => (await inside('haulout status')).code === 0;
    expect(await eventually(isUp, 60_000), consoleLines.join('\n')).toBe(true);
    expect((await inside('cat /srv/hello.txt')).stdout).toBe('one\n');
    expect(consoleLines.join('\n')).toContain('haulout: the agent runs');
  }, 90_000);

  it('tells its status in words and as JSON', async () => {
    const { code, stdout } = await inside('haulout status');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      new RegExp(
        `^${machine.instanceId} {2}role tiny {2}healthy {2}10[.]77[.]0[.]\\d+\ncontent +[0-9a-f]{12}\nlast sync `,
      ),
    );
    expect(stdout).toContain('service   hello healthy (port 8080)\n');
    const status = JSON.parse((await inside('haulout status --json')).stdout) as Status;
    expect(status).toMatchObject({ schema: 1, instanceId: machine.instanceId, role: 'tiny', health: 'healthy' });
  });

  it('syncs when it is told to, waits for the end of it, and says what it did', async () => {
    await cloud.s3.put(BUCKET, 'envs/tiny/root/srv/hello.txt', { bytes: Buffer.from('two\n') });
    const { code, stdout } = await inside('haulout sync');
    expect(code).toBe(0);
    expect(stdout).toContain('changed   file:/srv/hello.txt, service:hello\n');
    const { lastSync } = JSON.parse((await inside('haulout sync --json')).stdout) as Status;
    expect(lastSync).toMatchObject({ steps: 0, changed: [] });
  });

  it('shows its logs, of the agent and of a service', async () => {
    const { code, stdout } = await inside('haulout logs');
    expect(code).toBe(0);
    expect(stdout).toContain('file:/srv/hello.txt');
    expect((await inside('haulout logs -n 1')).stdout.trimEnd().split('\n')).toHaveLength(1);
    const events = (await inside('haulout logs --json -n 5')).stdout.trimEnd().split('\n');
    expect(events.map((line) => (JSON.parse(line) as { event: string }).event)).toContain('round');
    await inside('echo "the service speaks" >> /var/log/haulout/services/hello.log');
    expect((await inside('haulout logs hello')).stdout).toContain('the service speaks\n');
    expect(await inside('haulout logs stranger')).toMatchObject({ code: 69, stdout: '' });
    for (const words of ['-n', '-n 0', '-n many', '../../etc/passwd'])
      expect((await inside(`haulout logs ${words}`)).code, words).toBe(64);
  });

  it('lists its services', async () => {
    expect((await inside('haulout service')).stdout).toMatch(/^hello +healthy +8080\n$/);
    const { code, stdout } = await inside('haulout service hello --json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ schema: 1, services: [{ id: 'hello', state: 'healthy', port: 8080 }] });
    const unknown = await inside('haulout service hallo');
    expect(unknown.code).toBe(64);
    expect(unknown.output).toContain('no service hallo here; there are: hello');
  });

  it('explains itself, and refuses what it does not know', async () => {
    for (const words of ['help', '--help', '']) {
      const { code, stdout } = await inside(`haulout ${words}`);
      expect(code).toBe(0);
      for (const command of ['status', 'sync', 'logs', 'service']) expect(stdout).toContain(`haulout ${command}`);
    }
    expect((await inside('haulout version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const { code, output } = await inside('haulout stauts');
    expect(code).toBe(64);
    expect(output).toContain('status');
  });

  it('does nothing where it is asked for help, or has a word that it does not take', async () => {
    for (const command of ['shutdown', 'sync', 'status', 'logs', 'service']) {
      const help = await inside(`haulout ${command} --help`);
      expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('haulout, on this instance:') });
      const { code, stdout, output } = await inside(`haulout ${command} --nope`);
      expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
      expect(output).toBe(`haulout: ${command} takes no --nope. next: haulout help\n`);
    }
    for (const line of ['shutdown now', 'shutdown --within=5s', 'status all', 'service hello stop', 'logs hello hello'])
      expect((await inside(`haulout ${line}`)).code, line).toBe(64);
    const status = JSON.parse((await inside('haulout status --json')).stdout) as Status;
    expect(status).toMatchObject({ lease: { state: 'active' }, services: [{ id: 'hello', state: 'healthy' }] });
  });

  it('answers root only', async () => {
    for (const command of ['status', 'sync', 'logs', 'service']) {
      const { code, output } = await inside(`setpriv --reuid=65534 --regid=65534 --clear-groups haulout ${command}`);
      expect(code, `${command}: ${output}`).toBe(77);
      expect(output).toMatch(/root/);
    }
  });

  it('can be planned against, from the desk: what it has is not in the plan, what differs is', async () => {
    const words = ['plan', role, '--against', machine.instanceId, '--state', `s3://${BUCKET}/.haulout`];
    const plan = async () => JSON.parse((await haulout([...words, '--json'], { env })).stdout) as Planned;
    writeRole(role, { 'root/srv/hello.txt': 'two\n' });
    const settled = async () => (await haulout([...words, '--exit-code'], { env })).code === 0;
    expect(await eventually(settled, 20_000), JSON.stringify(await haulout(words, { env }))).toBe(true);
    expect(await plan()).toMatchObject({ instance: machine.instanceId, steps: [] });
    writeRole(role, { 'root/srv/hello.txt': 'three\n', 'root/srv/more.txt': 'more\n' });
    const subjects = (await plan()).steps.map(({ subject }) => subject);
    expect(subjects).toEqual(['file:/srv/hello.txt', 'file:/srv/more.txt', 'service:hello']);
    expect((await haulout([...words, '--exit-code'], { env })).code).toBe(2);
    const stranger = await haulout(words.with(3, 'i-0123456789abcdef0'), { env });
    expect(stranger.code).toBe(69);
    expect(stranger.stderr).toContain('the facts of this instance cannot be read');
  }, 60_000);

  it('ends 2 when the bucket is broken and it still serves, and names the place', async () => {
    await cloud.s3.put(BUCKET, 'envs/tiny/haulout.ini', {
      bytes: Buffer.from('[haulout]\nversion = 1\nnonsense = 1\n'),
    });
    const { code, stdout } = await inside('haulout sync');
    expect(code).toBe(2);
    expect(stdout).toContain('degraded');
    expect(stdout).toMatch(/mistake +haulout\.ini:3:1: /);
    expect((await inside('haulout status')).code).toBe(2);
  });

  it('ends 75 before the first round has ended, and 69 where no agent has run', async () => {
    // A notice that came in it is told at once.
    await inside(`sed -i 's/"health":"[a-z]*"/"health":"converging"/' /var/lib/haulout/status.json`);
    expect(await inside('haulout status')).toMatchObject({ code: 75, stdout: expect.stringContaining(' converging ') });
    await inside('mv /var/lib/haulout/status.json /var/lib/haulout/status.away');
    const early = await inside('haulout status');
    expect(early.code).toBe(75);
    expect(early.output).toContain('the first round has not ended yet');
    await inside('mv /run/haulout /run/haulout.away');
    const { code, output } = await inside('haulout status');
    expect(code).toBe(69);
    expect(output).toContain('no agent has run on this machine. next: haulout logs');
  });
});
