import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { LocalCloud } from '../../src/cloud/local.ts';
import { canRunMachines } from '../../src/cloud/machine/able.ts';
import { hiddenOfImage } from '../../src/cloud/machine/hidden.ts';
import type { LaunchOptions } from '../../src/cloud/machine/launch.ts';
import { systemMounts } from '../../src/cloud/machine/layers.ts';
import type { MachineRoom } from '../../src/cloud/machine/room.ts';
import { sweepLeftovers } from '../../src/cloud/machine/run-directory.ts';
import { PACKAGE_PORT } from '../../src/cloud/machine/seed.ts';
import { checkoutOf } from '../../src/cloud/machine/start-plan.ts';
import type { InstanceDescription } from '../../src/cloud/metadata/description.ts';
import { archivesOfThisMachine } from '../../src/cloud/packages/archives.ts';
import { PackageProxy } from '../../src/cloud/packages/proxy.ts';
import { bundle } from '../support/gateway.ts';
import {
  type Launched,
  launchIn,
  MACHINE_NEEDS,
  marks,
  ownCgroups,
  processes,
  quiet,
  useBench,
} from '../support/machines.ts';
import { command, describeWith } from '../support/needs.ts';

const bench = useBench();
let room: MachineRoom;

function launch(
  script: string | undefined,
  options?: LaunchOptions,
  facts?: Partial<InstanceDescription>,
): Promise<Launched> {
  return launchIn(room, script, options, facts);
}

describeWith(MACHINE_NEEDS, 'a cloud', () => {
  test('whose first instance had no network is asked for another', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'haulout-gateway-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const gatewayScript = join(directory, 'gateway.mjs');
    const cloud = await LocalCloud.open({ log: quiet, gatewayScript });
    onTestFinished(() => cloud.close());
    const userData = Buffer.from('#!/bin/sh\n');
    await expect(cloud.launch({ userData })).rejects.toThrow('gateway');
    copyFileSync(bench.gateway.script, gatewayScript);
    const machine = await cloud.launch({ userData });
    expect(await machine.exec(['/bin/true'])).toMatchObject({ code: 0 });
  });
});

describeWith([...MACHINE_NEEDS, command('apt-get', 'apt')], 'packages', () => {
  test('apt installs a real package through the proxy, the second time from the cache', async () => {
    room = await bench.openRoom();
    const cacheDirectory = mkdtempSync(join(tmpdir(), 'haulout-packages-'));
    const packages = new PackageProxy({ archives: await archivesOfThisMachine(), log: quiet, cacheDirectory });
    try {
      await room.expose(PACKAGE_PORT, packages.server);
      const install = `#!/bin/sh
apt-get -q update && apt-get -q -y install --no-install-recommends hello && hello
apt-get clean; cd /tmp && apt-get -q download hello
curl -s -o /dev/null -w '%{http_code}' -x http://10.77.0.1:${PACKAGE_PORT} http://example.invalid/
`;
      const { console, userData } = await launch(install);
      await userData;
      expect(console.filter((line) => /^hello, world/i.test(line))).toHaveLength(1);
      expect(console.at(-1)).toBe('403');
      expect(packages.counts).toMatchObject({ refused: 1, fromCache: 1 });
    } finally {
      await room.close();
      rmSync(cacheDirectory, { recursive: true });
    }
  }, 120_000);
});

describeWith(MACHINE_NEEDS, 'a process that holds a room', () => {
  let holder: ChildProcess | undefined;
  afterEach(async () => {
    holder?.kill('SIGKILL');
    await expect.poll(() => processes(bench), { timeout: 5_000 }).toEqual([]);
    await sweepLeftovers(bench.runRoot);
  });

  /** Starts one, `before` it what it is started through; collects its lines until `last`. */
  async function hold(userData: string, last: string, before: readonly string[] = []): Promise<string[]> {
    const entry = new URL('../support/machine-holder.ts', import.meta.url);
    const script = await bundle(entry, join(bench.gateway.directory, 'holder.mjs'));
    const [program = '', ...argv] = [
      ...before,
      process.execPath,
      script,
      bench.gateway.script,
      bench.runRoot,
      userData,
    ];
    holder = spawn(program, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines: string[] = [];
    for await (const line of createInterface({ input: holder.stdout! })) {
      lines.push(line);
      if (line.startsWith(last) && lines.some((each) => each.startsWith('pids'))) return lines;
    }
    throw new Error(`it ended: ${lines.join('\n')}`);
  }

  test('when it is killed the kernel takes everything but files, and the next start takes those', async () => {
    const before = marks();
    const lines = await hold('#!/bin/sh\n(setsid sleep 1000 &)\n', 'user-data ended');
    const pids = lines
      .find((line) => line.startsWith('pids'))!
      .split(' ')
      .slice(1);
    const [holderPid] = pids.map(Number);
    expect(processes(bench).length).toBeGreaterThan(1);
    holder!.kill('SIGKILL');
    await expect.poll(() => pids.filter((pid) => existsSync(`/proc/${pid}`)), { timeout: 5_000 }).toEqual([]);
    await expect.poll(() => processes(bench)).toEqual([]);
    expect(marks()).toEqual(before);
    expect(readdirSync(bench.runRoot)).toHaveLength(1);
    const swept = await sweepLeftovers(bench.runRoot);
    expect(swept[0]).toContain(`${bench.runRoot}/${holderPid}-`);
    expect(await ownCgroups(holderPid)).toEqual([]);
    expect(existsSync(bench.runRoot)).toBe(false);
  });

  test('what a living process uses is not swept', async () => {
    room = await bench.openRoom();
    expect(await sweepLeftovers(bench.runRoot)).toEqual([]);
    await room.close();
  });

  test('parts of the system that are mounts of their own are there too, writable, without what is hidden', async () => {
    const mounted = [
      'unshare',
      '--mount',
      '/bin/sh',
      '-c',
      'mount --bind /var /var; mount --bind /usr /usr; exec "$@"',
      'sh',
    ];
    const lines = await hold(
      '#!/bin/sh\nls /usr/bin/env; echo hello > /var/lib/mine; cat /var/lib/mine; ls -A /var/tmp; grep -c overlay /proc/mounts\n',
      'user-data ended',
      mounted,
    );
    const console = lines.filter((line) => line.startsWith('console')).map((line) => line.slice(8));
    expect(console).toEqual(['/usr/bin/env', 'hello', '3']);
    expect(existsSync('/var/lib/mine')).toBe(false);
  });
});

describe('what is looked up on this machine', () => {
  test('mounts of the system: real file systems below its trees, blanks and all', () => {
    const line = (path: string, type: string) => `30 1 8:1 / ${path} rw shared:1 - ${type} /dev/sda rw`;
    const info = [
      line('/', 'ext4'),
      line('/usr', 'ext4'),
      line('/usr/share', 'tmpfs'),
      line('/data', 'ext4'),
      line('/etc/passwd', 'ext4'),
      line('/var\\040x', 'ext4'),
    ];
    expect(systemMounts(info.join('\n'))).toEqual(['/usr']);
  });

  test('hiding follows a link on the way, and never leads out of an image', () => {
    const image = mkdtempSync(join(tmpdir(), 'haulout-links-'));
    mkdirSync(join(image, 'usr/bin'), { recursive: true });
    execFileSync('ln', ['-s', 'usr/bin', join(image, 'bin')]);
    execFileSync('ln', ['-s', '/etc', join(image, 'out')]);
    writeFileSync(join(image, 'usr/bin/node'), '');
    expect(hiddenOfImage(image, ['/bin/node', '/usr/bin/node', '/out/passwd', '/usr/bin/none'])).toEqual([
      { path: '/usr/bin/node' },
    ]);
    rmSync(image, { recursive: true });
  });

  test('the top of the source tree somebody works in', () => {
    const top = mkdtempSync(join(tmpdir(), 'haulout-tree-'));
    mkdirSync(join(top, '.git'));
    mkdirSync(join(top, 'a/b'), { recursive: true });
    expect(checkoutOf(join(top, 'a/b'))).toEqual([top]);
    expect(checkoutOf('/etc')).toEqual([]);
    rmSync(top, { recursive: true });
  });

  test('whether instances can be had is said in words, with what to do', async () => {
    const able = await canRunMachines();
    if (able.ok) expect(able).toEqual({ ok: true });
    else expect(able.hint).not.toBe('');
  });
});
