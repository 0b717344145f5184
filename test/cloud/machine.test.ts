import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hiddenOfThisMachine } from '../../src/cloud/machine/hidden.ts';
import type { LaunchOptions } from '../../src/cloud/machine/launch.ts';
import type { MachineRoom } from '../../src/cloud/machine/room.ts';
import type { InstanceDescription } from '../../src/cloud/metadata/description.ts';
import { type Launched, launchIn, MACHINE_NEEDS, ownCgroups, sh, useBench } from '../support/machines.ts';
import { describeWith } from '../support/needs.ts';

const bench = useBench();
let room: MachineRoom;

function launch(
  script: string | undefined,
  options?: LaunchOptions,
  facts?: Partial<InstanceDescription>,
): Promise<Launched> {
  return launchIn(room, script, options, facts);
}

function listening(server: net.Server | http.Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}

describeWith(MACHINE_NEEDS, 'a throw-away instance', () => {
  beforeEach(async () => {
    room = await bench.openRoom();
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
    const seen = await machine.exec(['/bin/sh', '-c', show, 'sh', ...hidden, process.cwd(), bench.runRoot]);
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
});
