import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { SEED } from '../support/seeded.ts';
import { cellLine, isObject, WeatherGround } from '../support/weather.ts';
import { launchCells, QUICK, storeCells } from '../support/weather-network.ts';

const BAD_MS = 2_500;
/** One of each kind of answer; all of them, and the slow ones, are in `npm run soak faults`. */
const SAMPLE = QUICK.filter(({ name }) => /^(503 to half|wrong)/.test(name));

/** Faults of the network at every step, on a real instance: reliability F1-F5. */
describeWith([root], 'weather on the network', () => {
  let ground: WeatherGround;
  beforeAll(async () => {
    ground = await WeatherGround.open(SEED);
    expect((await ground.role.status()).health).toBe('healthy');
  }, 120_000);
  afterAll(async () => {
    await ground?.close();
    process.stdout.write(`weather: seed ${SEED}\n${ground?.cells.map(cellLine).join('\n')}\n`);
  });

  it.each(SAMPLE.map((row) => [row.name, row] as const))(
    '%s: survived or classified, in time',
    async (_, row) => {
      const cells = await storeCells(ground, row);
      expect(cells.flatMap(({ step, wrong }) => wrong.map((text) => `${step}: ${text}`))).toEqual([]);
      expect(ground.store.struck).toBeGreaterThan(0);
    },
    120_000,
  );

  it('a launch and a start wait for what is late, and the status says for what and how long', async () => {
    const reset = QUICK.find(({ name }) => name === 'reset')!;
    const cells = await launchCells(ground, reset, BAD_MS);
    expect(cells.flatMap(({ step, wrong }) => wrong.map((text) => `${step}: ${text}`))).toEqual([]);
    expect(cells.map(({ outcome }) => outcome)).toEqual(['correct', 'correct', 'correct']);
    const { waited } = await ground.role.status();
    expect(waited.map(({ step }) => step)).toContain('metadata');
  }, 120_000);

  it('says in the status what was waited for in this round, when it was long enough to be noticed', async () => {
    await ground.upload();
    const bad = ground.badFor(2_500, { store: { fault: { kind: 'reset' }, where: isObject } });
    let status = await ground.role.sync();
    await bad;
    // Five tries may be over before the weather is: the wait goes on into the next round.
    if (status.health !== 'healthy') status = await ground.role.sync();
    expect(status.health).toBe('healthy');
    const store = status.waited.filter(({ step, boot }) => step === 'bucket' && !boot);
    expect(store).toMatchObject([{ subject: 's3://test/role', over: true, code: expect.stringMatching(/^E|^body/) }]);
    expect(store[0]?.ms).toBeGreaterThan(1_000);
    const { stdout } = await ground.role.exec('haulout status');
    expect(stdout).toMatch(/^waited {4}\d.* for bucket: s3:\/\/test\/role \(\S+\)$/m);
  }, 60_000);
});
