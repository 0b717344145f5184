import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { canRunMachines } from '../../src/cloud/machine/able.ts';
import { listCgroups } from '../../src/cloud/machine/cgroup.ts';
import { hiddenOfImage, hiddenOfThisMachine } from '../../src/cloud/machine/hidden.ts';
import type { LaunchOptions } from '../../src/cloud/machine/launch.ts';
import { systemMounts } from '../../src/cloud/machine/layers.ts';
import type { Machine } from '../../src/cloud/machine/machine.ts';
import { MachineRoom } from '../../src/cloud/machine/room.ts';
import { sweepLeftovers } from '../../src/cloud/machine/run-directory.ts';
import { PACKAGE_PORT } from '../../src/cloud/machine/seed.ts';
import { checkoutOf } from '../../src/cloud/machine/start-plan.ts';
import type { InstanceDescription } from '../../src/cloud/metadata/description.ts';
import { archivesOfThisMachine } from '../../src/cloud/packages/archives.ts';
import { PackageProxy } from '../../src/cloud/packages/proxy.ts';
import { lineLog } from '../../src/lib/log.ts';
import { described } from '../support/described.ts';
import { builtGateway, bundle } from '../support/gateway.ts';
import { command, describeWith, root } from '../support/needs.ts';

const log = lineLog(() => undefined);
const NEEDS = [root, command('unshare', 'util-linux'), command('ip', 'iproute2')];

let gateway: { script: string; directory: string };
let runRoot: string;
let room: MachineRoom;

beforeAll(async () => {
  gateway = await builtGateway();
});
afterAll(() => rmSync(gateway.directory, { recursive: true }));
beforeEach(() => {
  // Of its own for each test: others may run beside this one. Short, because unix sockets are made below it.
  runRoot = mkdtempSync('/run/haulout-test-');
});
afterEach(() => rmSync(runRoot, { recursive: true, force: true }));

interface Launched {
  readonly machine: Machine;
  readonly console: string[];
  /** Settles with the exit code of the user-data. */
  readonly userData: Promise<number>;
}

async function launch(
  script: string | undefined,
  options: LaunchOptions = {},
  facts: Partial<InstanceDescription> = {},
): Promise<Launched> {
  const console: string[] = [];
  const cable = room.allocate();
  const userData = script === undefined ? undefined : Buffer.from(script);
  return await new Promise((resolve, reject) => {
    const ended = new Promise<number>((settle) => {
      const all: LaunchOptions = {
        onConsole: (line) => console.push(line),
        onUserData: ({ code }) => settle(code),
        ...options,
      };
      room
        .launch(() => described(cable, { userData, ...facts }), all)
        .then((machine) => resolve({ machine, console, userData: ended }), reject);
    });
  });
}

async function sh(machine: Machine, script: string): Promise<{ code: number | null; output: string }> {
  const { code, output } = await machine.exec(['/bin/sh', '-c', script]);
  return { code, output: output.trim() };
}

function listening(server: net.Server | http.Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}

/** All of this machine that instances could leave a mark on. */
function marks(): Record<string, string> {
  return {
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
    devices: execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }),
    namespaces: execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }),
    hostname: execFileSync('hostname', { encoding: 'utf8' }),
  };
}

/** Processes whose arguments name this test's directories: the gateway, `unshare`, what runs inside. */
function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return words.includes(gateway.script) || words.includes(runRoot);
      } catch {
        return false;
      }
    });
}

async function ownCgroups(pid = process.pid): Promise<string[]> {
  const mountPoint = mkdtempSync(join(tmpdir(), 'haulout-look-'));
  const names = await listCgroups(mountPoint);
  rmSync(mountPoint, { recursive: true });
  return names.filter((name) => name.startsWith(`haulout-${pid}-`));
}

describeWith(NEEDS, 'a throw-away instance', () => {
  beforeEach(async () => {
    room = await MachineRoom.open({ gatewayScript: gateway.script, log, runRoot });
  });
  afterEach(() => room.close());

  test('runs its user-data as cloud-init would, and stays up', async () => {
    const { machine, console, userData } = await launch(`#!/bin/sh
echo "$0 home=\${HOME-unset} cwd=$(pwd) user=$(id -u) name=$(cat /proc/sys/kernel/hostname)"
read -r line || echo "nothing on standard input"
echo to standard error > /dev/stderr
env | sort
exit 3
`);
    expect(await userData).toBe(3);
    expect(console.slice(0, 3)).toEqual([
      '/var/lib/cloud/instance/scripts/part-001 home=unset cwd=/ user=0 name=ip-10-77-0-10',
      'nothing on standard input',
      'to standard error',
    ]);
    expect(console.slice(3).map((line) => line.split('=')[0])).toEqual(['LANG', 'PATH', 'PWD']);
    expect((await sh(machine, 'stat -c %a /var/lib/cloud/instance/scripts/part-001')).output).toBe('700');
    expect((await sh(machine, 'cat /proc/1/comm')).code).toBe(0);
  });

  test('exec hands over input, environment, output and exit code; nothing of ours gets in', async () => {
    process.env['HAULOUT_TEST_LEAK'] = 'leak';
    const { machine } = await launch(undefined);
    const result = await machine.exec(['/bin/sh', '-c', 'cat; echo "$GIVEN ${HAULOUT_TEST_LEAK-clean}"; pwd; exit 7'], {
      input: 'in ',
      env: { GIVEN: 'given' },
    });
    delete process.env['HAULOUT_TEST_LEAK'];
    expect(result).toMatchObject({ code: 7, stdout: 'in given clean\n/\n' });
    const late = await machine.exec(['/bin/sleep', '60'], { timeoutMs: 200, graceMs: 200 });
    expect(late).toMatchObject({ timedOut: true });
    expect((await sh(machine, 'ps -e -o args= | grep -c "[s]leep 60"')).output).toBe('0');
  });

  test('sees nothing of the people, the keys and the run state of this machine', async () => {
    const { machine } = await launch(undefined);
    const hidden = hiddenOfThisMachine([]).map((entry) => entry.path);
    expect(hidden).toEqual(expect.arrayContaining(['/home', '/root', '/tmp', '/var/tmp', '/mnt', '/media', '/srv']));
    const show = 'for path; do [ ! -d "$path" ] || find "$path" -mindepth 1; [ ! -f "$path" ] || echo "$path"; done';
    const seen = await machine.exec(['/bin/sh', '-c', show, 'sh', ...hidden, process.cwd(), runRoot]);
    expect(seen.output).toBe('');
    expect((await sh(machine, 'stat -c %a /root /tmp /var/tmp')).output).toBe('700\n1777\n1777');
    expect((await sh(machine, 'ls -A /run')).output).not.toContain('haulout-cloud');
    expect((await sh(machine, 'test -s /etc/shadow')).code).toBe(0);
  });

  test('cannot change what belongs to the kernel of this machine, nor its files', async () => {
    const { machine } = await launch(undefined);
    const before = readFileSync('/proc/sys/vm/swappiness', 'utf8');
    const tries = [
      'echo 1 > /proc/sys/vm/swappiness',
      'echo h > /proc/sysrq-trigger',
      'date -s 2001-01-01',
      'mknod /d b 8 0',
    ];
    for (const attempt of tries) expect((await sh(machine, attempt)).code, attempt).not.toBe(0);
    expect(readFileSync('/proc/sys/vm/swappiness', 'utf8')).toBe(before);
    expect((await sh(machine, 'rm -rf /etc/* && mkdir /work-of-mine && ls /etc')).output).toBe('');
    expect(existsSync('/etc/passwd')).toBe(true);
    expect(existsSync('/work-of-mine')).toBe(false);
  });

  test('has a cgroup of its own, where this machine can give one', async () => {
    const { machine } = await launch(undefined);
    const groups = await ownCgroups();
    if (groups.length === 0) return; // no cgroup2 here: it went without
    expect((await sh(machine, 'grep ^0:: /proc/self/cgroup; grep ^0:: /proc/1/cgroup')).output).toBe('0::/\n0::/');
    const procs = '/sys/fs/cgroup/scope/cgroup.procs';
    await sh(machine, `mkdir /sys/fs/cgroup/scope; sleep 100 > /dev/null 2>&1 & echo $! > ${procs}`);
    expect((await sh(machine, 'wc -l < /sys/fs/cgroup/scope/cgroup.procs')).output).toBe('1');
    await machine.terminate();
    expect(await ownCgroups()).toEqual([]);
  });

  test('two of them ask the same address and are told who they are; neither can ask as the other', async () => {
    const who = `#!/bin/sh
token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
curl -sf -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/instance-id
echo
`;
    const [one, two] = await Promise.all([launch(who), launch(who)]);
    await Promise.all([one.userData, two.userData]);
    expect(one.console.join('')).toBe(one.machine.instanceId);
    expect(two.console.join('')).toBe(two.machine.instanceId);
    expect(one.machine.instanceId).not.toBe(two.machine.instanceId);
    await sh(one.machine, `ip addr add ${two.machine.address}/32 dev eth0`);
    const ask = `curl -s -m 2 --interface ${two.machine.address} -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token`;
    expect((await sh(one.machine, ask)).code).toBe(28);
  });

  test('reaches metadata, what is exposed, other instances, and nothing else', async () => {
    const secret = http.createServer((_, response) => response.end('secret'));
    const port = await listening(secret);
    try {
      const endpoint = await room.expose(9000, (request, response) => response.end(`asked ${request.url}`));
      const [one, two] = await Promise.all([launch(undefined), launch(undefined)]);
      const serve = `require('http').createServer((_, r) => r.end('neighbour')).listen(80)`;
      const up = await sh(two.machine, `node -e "${serve}" > /dev/null 2>&1 & sleep 0.5`);
      expect(up.code).toBe(0);
      expect(endpoint).toBe('http://10.77.0.1:9000');
      expect((await sh(one.machine, `curl -sf -m 5 ${endpoint}/x`)).output).toBe('asked /x');
      expect((await sh(one.machine, `curl -sf -m 5 http://${two.machine.address}/`)).output).toBe('neighbour');
      const unreachable = [
        `127.0.0.1:${port}`,
        `10.77.0.1:${port}`,
        '192.0.2.1:80',
        '169.254.169.253:53',
        '[2001:db8::1]:80',
      ];
      for (const target of unreachable) {
        expect((await sh(one.machine, `curl -s -m 2 http://${target}/`)).code, target).not.toBe(0);
      }
    } finally {
      secret.close();
    }
  });

  test('its ports are reached through a unix socket, and through a loopback port of this machine', async () => {
    const { machine } = await launch(undefined);
    const path = await machine.forward(8080);
    expect(await machine.forward(8080)).toBe(path);
    const { url, port } = await machine.publish(8080);
    await expect(fetch(url)).rejects.toThrow(); // nothing listens inside yet
    const big = `require('http').createServer((_, r) => r.end('x'.repeat(3e6))).listen(8080)`;
    await sh(machine, `node -e "${big}" > /dev/null 2>&1 & sleep 0.5`);
    expect(url).toBe(`http://127.0.0.1:${port}/`);
    expect((await (await fetch(url)).text()).length).toBe(3_000_000);
    await machine.terminate();
    await expect(fetch(url)).rejects.toThrow();
    expect(existsSync(path)).toBe(false);
  });

  test('files are planted before the user-data runs, in place of links too', async () => {
    const { console, userData, machine } = await launch(
      '#!/bin/sh\ncat /opt/planted/one; stat -c %a /opt/planted/one\n',
      {
        files: { '/opt/planted/one': { content: "it's here\n", mode: 0o640 } },
      },
    );
    await userData;
    expect(console).toEqual(["it's here", '640']);
    await sh(machine, 'ln -s /nowhere/at/all /opt/link');
    await machine.plant('/opt/link', 'plain', 0o600);
    expect((await sh(machine, 'stat -c %F /opt/link; cat /opt/link')).output).toBe('regular file\nplain');
  });

  test('a kept disk is there again at the next launch', async () => {
    const keep = mkdtempSync(join(tmpdir(), 'haulout keep,'));
    try {
      const first = await launch('#!/bin/sh\necho kept > /srv/file; rm /etc/issue; ls -A /home\n', { keep });
      await first.userData;
      await first.machine.terminate();
      const second = await launch('#!/bin/sh\ncat /srv/file; ls /etc/issue || echo removed; ls -A /home\n', { keep });
      await second.userData;
      expect(second.console).toEqual(['kept', expect.stringContaining('No such file'), 'removed']);
    } finally {
      await room.close();
      rmSync(keep, { recursive: true });
    }
  });

  test('may stand on a directory instead, may be without Node, may not see more', async () => {
    const image = smallImage();
    try {
      const { console, userData } = await launch('#!/bin/sh\ncat /etc/image; ls /; node -v\n', { root: image });
      await userData;
      expect(console[0]).toBe('small');
      expect(console.join(' ')).not.toContain('usr/share');
      const without = await launch('#!/bin/sh\ncommand -v node || echo none; ls /usr/share/doc\n', {
        withoutNode: true,
        hide: ['/usr/share/doc'],
      });
      await without.userData;
      expect(without.console).toEqual(['none']);
    } finally {
      await room.close();
      rmSync(image, { recursive: true });
    }
  });

  test('a launch that fails says why and leaves nothing', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'haulout-empty-'));
    const before = marks();
    await expect(launch(undefined, { root: empty })).rejects.toMatchObject({
      code: 'launch-refused',
      reason: expect.stringContaining('no /bin/sh'),
    });
    mkdirSync(join(empty, 'bin'));
    writeFileSync(join(empty, 'bin/sh'), '');
    await expect(launch(undefined, { root: empty })).rejects.toMatchObject({
      code: 'instance-failed',
      reason: expect.stringContaining('its console: '),
    });
    expect(marks()).toEqual(before);
    expect(await ownCgroups()).toEqual([]);
    rmSync(empty, { recursive: true });
    const cable = room.allocate();
    await expect(room.launch(() => described(cable, { instanceId: '../../x' }))).rejects.toThrow('not an instance id');
    await expect(room.launch(() => described({ ...cable, address: '10.0.0.1' }))).rejects.toThrow('not an address');
    const machine = await room.launch(() => described(cable));
    await expect(room.launch(() => described(cable))).rejects.toThrow('already');
    await machine.terminate();
    await (await room.launch(() => described(cable))).terminate();
  });

  test('its disk is as small as wanted', async () => {
    const { machine } = await launch(undefined, { diskMiB: 16 });
    const { code, output } = await sh(machine, 'head -c 32M /dev/zero > /srv/big');
    expect(code).not.toBe(0);
    expect(output).toContain('No space left on device');
  });

  test('is taken down whole when it ended by itself, and when the gateway did', async () => {
    const [one, two] = await Promise.all([launch(undefined), launch(undefined)]);
    await two.machine.publish(80);
    process.kill(one.machine.pid, 'SIGKILL');
    await one.machine.ended;
    await one.machine.terminate();
    process.kill(room.gatewayPid, 'SIGKILL');
    await two.machine.terminate();
    await room.close();
    expect(processes()).toEqual([]);
    expect(existsSync(runRoot)).toBe(false);
  });

  test('after terminate and close nothing is left', async () => {
    const before = marks();
    const { machine, userData } = await launch(`#!/bin/sh
trap '' TERM; (setsid sleep 1000 &); mount -t tmpfs none /mnt; unshare --net sleep 1000 &
`);
    await userData;
    await machine.forward(80);
    expect(processes().length).toBeGreaterThan(0);
    await Promise.all([machine.terminate(), machine.terminate()]);
    await machine.ended;
    expect(existsSync(`/proc/${machine.pid}`)).toBe(false);
    await room.close();
    expect(marks()).toEqual(before);
    expect(processes()).toEqual([]);
    expect(await ownCgroups()).toEqual([]);
    expect(existsSync(runRoot)).toBe(false);
  });
});

/** The least a root needs: BusyBox, and a directory or two. */
function smallImage(): string {
  const image = mkdtempSync(join(tmpdir(), 'haulout-image-'));
  for (const directory of ['bin', 'etc', 'tmp']) mkdirSync(join(image, directory));
  const programs = ['sh', 'cat', 'chmod', 'env', 'ls', 'mkdir', 'rm', 'sleep', 'umount'];
  const copied = new Set<string>();
  for (const program of programs) {
    const path = execFileSync('/bin/sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
    cpSync(path, join(image, 'bin', program), { dereference: true });
    const libraries = execFileSync('ldd', [path], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g);
    for (const [, library] of libraries) copied.add(library!);
  }
  for (const library of copied) {
    mkdirSync(join(image, dirname(library)), { recursive: true });
    cpSync(library, join(image, library), { dereference: true });
  }
  writeFileSync(join(image, 'etc/image'), 'small\n');
  return image;
}

describeWith([...NEEDS, command('apt-get', 'apt')], 'packages', () => {
  test('apt installs a real package through the proxy, the second time from the cache', async () => {
    room = await MachineRoom.open({ gatewayScript: gateway.script, log, runRoot });
    const cacheDirectory = mkdtempSync(join(tmpdir(), 'haulout-packages-'));
    const packages = new PackageProxy({ archives: await archivesOfThisMachine(), log, cacheDirectory });
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

describeWith(NEEDS, 'a process that holds a room', () => {
  let holder: ChildProcess | undefined;
  afterEach(() => void holder?.kill('SIGKILL'));

  /** Starts one, `before` it what it is started through; collects its lines until `last`. */
  async function hold(userData: string, last: string, before: readonly string[] = []): Promise<string[]> {
    const entry = new URL('../support/machine-holder.ts', import.meta.url);
    const script = await bundle(entry, join(gateway.directory, 'holder.mjs'));
    const [program = '', ...argv] = [...before, process.execPath, script, gateway.script, runRoot, userData];
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
    expect(processes().length).toBeGreaterThan(1);
    holder!.kill('SIGKILL');
    await expect.poll(() => pids.filter((pid) => existsSync(`/proc/${pid}`)), { timeout: 5_000 }).toEqual([]);
    await expect.poll(() => processes()).toEqual([]);
    expect(marks()).toEqual(before);
    expect(readdirSync(runRoot)).toHaveLength(1);
    const swept = await sweepLeftovers(runRoot);
    expect(swept[0]).toContain(`${runRoot}/${holderPid}-`);
    expect(await ownCgroups(holderPid)).toEqual([]);
    expect(existsSync(runRoot)).toBe(false);
  });

  test('what a living process uses is not swept', async () => {
    room = await MachineRoom.open({ gatewayScript: gateway.script, log, runRoot });
    expect(await sweepLeftovers(runRoot)).toEqual([]);
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
