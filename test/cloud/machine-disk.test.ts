import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LaunchOptions } from '../../src/cloud/machine/launch.ts';
import type { MachineRoom } from '../../src/cloud/machine/room.ts';
import type { InstanceDescription } from '../../src/cloud/metadata/description.ts';
import { described } from '../support/described.ts';
import {
  type Launched,
  launchIn,
  MACHINE_NEEDS,
  marks,
  ownCgroups,
  processes,
  sh,
  smallImage,
  useBench,
} from '../support/machines.ts';
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

describeWith(MACHINE_NEEDS, 'the files of an instance, and its end', () => {
  beforeEach(async () => {
    room = await bench.openRoom();
  });
  afterEach(() => room.close());

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
    await expect(room.launch(() => described(room.allocate(), { instanceId: machine.instanceId }))).rejects.toThrow(
      'this id',
    );
    process.kill(machine.pid, 'SIGKILL');
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
    expect(processes(bench)).toEqual([]);
    expect(existsSync(bench.runRoot)).toBe(false);
  });

  test('after terminate and close nothing is left', async () => {
    const before = marks();
    const { machine, userData } = await launch(`#!/bin/sh
trap '' TERM; (setsid sleep 1000 &); mount -t tmpfs none /mnt; unshare --net sleep 1000 &
`);
    await userData;
    await machine.forward(80);
    expect(processes(bench).length).toBeGreaterThan(0);
    await Promise.all([machine.terminate(), machine.terminate()]);
    await machine.ended;
    expect(existsSync(`/proc/${machine.pid}`)).toBe(false);
    await room.close();
    expect(marks()).toEqual(before);
    expect(processes(bench)).toEqual([]);
    expect(await ownCgroups()).toEqual([]);
    expect(existsSync(bench.runRoot)).toBe(false);
  });
});
