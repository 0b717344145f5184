import { afterAll, beforeAll, expect, it } from 'vitest';
import { KillGround } from '../support/kills.ts';
import { describeWith, root } from '../support/needs.ts';
import { SEED } from '../support/seeded.ts';

const KILLS = 8;

/** Every write is whole: DESIGN §2, law 6; reliability F15. Many more kills: `npm run soak kills 200`. */
describeWith([root], 'law 6', () => {
  let ground: KillGround;
  beforeAll(async () => {
    ground = await KillGround.open(SEED);
  }, 120_000);
  afterAll(() => ground?.role.close());

  it(`has each of 50 files old or new and whole after each of ${KILLS} kills, and converges (seed ${SEED})`, async () => {
    const { faults, ...counts } = await ground.kill(KILLS);
    process.stdout.write(`law 6: seed ${SEED}, ${JSON.stringify(counts)}\n`);
    expect(faults).toEqual([]);
    expect(counts.kills).toBe(KILLS);
  }, 120_000);
});
