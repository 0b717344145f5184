import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';
import { SEED } from '../support/seeded.ts';
import { cellLine, WeatherGround } from '../support/weather.ts';
import { DISK_FAULTS, diskCells } from '../support/weather-disk.ts';

/** All five are in `npm run soak faults disk`. */
const SAMPLE = DISK_FAULTS.filter(({ name }) => /^(disk full, all|no inodes)/.test(name));

/** Disks that are full or read-only, on a real instance: reliability F12, F13. */
describeWith([root], 'weather on the disk', () => {
  let ground: WeatherGround;
  beforeAll(async () => {
    ground = await WeatherGround.open(SEED, { diskMiB: 160 });
  }, 120_000);
  afterAll(async () => {
    await ground?.close();
    process.stdout.write(`${ground?.cells.map(cellLine).join('\n')}\n`);
  });

  it.each(SAMPLE.map((fault) => [fault.name, fault] as const))(
    '%s: nothing is torn, no service is restarted',
    async (_, fault) => {
      const cells = await diskCells(ground, fault);
      expect(cells.flatMap(({ step, wrong }) => wrong.map((text) => `${step}: ${text}`))).toEqual([]);
      expect(cells.find(({ step }) => step === 'fetch, files')?.outcome).toMatch(/^disk-(full|read-only)$/);
    },
    120_000,
  );
});

describeWith([root], 'a disk without a free byte, and an upload that needs none', () => {
  let role: RoleUnderTest;
  beforeAll(async () => {
    const files = {
      'haulout.ini': '[haulout]\nversion = 1\n[service.bell]\nimage = services/bell\nhealth = 0s\n',
      'root/etc/walrus.conf': 'walrus\n',
      'services/bell/bin/start': '#!/bin/sh\nsleep 77119 &\n',
      'services/bell/bin/check': '#!/bin/sh\npgrep -f "sleep 7711[9]"\n',
    };
    role = await RoleUnderTest.boot(files, { diskMiB: 160 });
  }, 120_000);
  afterAll(() => role?.close());

  it('a service that is down is started', async () => {
    await role.exec('cat /dev/zero > /var/fill 2> /dev/null; cat /dev/zero > /var/fill2 2> /dev/null');
    await role.delete('root/etc/walrus.conf');
    await role.exec('pkill -f "sleep 7711[9]"');
    const { trouble, services } = await role.sync();
    expect(trouble?.code).toBe('disk-full');
    expect(services).toEqual([{ id: 'bell', state: 'healthy' }]);
    await role.exec('rm /var/fill /var/fill2');
    expect(await role.sync()).toMatchObject({ health: 'healthy' });
  });
});
