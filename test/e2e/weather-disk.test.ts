import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
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
