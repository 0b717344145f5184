import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DeskGround } from '../support/desk-ground.ts';
import { MACHINE_NEEDS } from '../support/machines.ts';
import { describeWith } from '../support/needs.ts';
import { testDirectory } from '../support/role-files.ts';
import { eventually } from '../support/scratch.ts';
import { killPoints, swapKilledAt } from '../support/swap-kills.ts';

/** All moments are taken by `npm run soak swap-kills`; here are those around what changes something. */
const KILLED_AT = [
  'RunInstances 1 after',
  'AssociateAddress 1 before',
  'AssociateAddress 1 after',
  'TerminateInstances 1 after',
];

describeWith(MACHINE_NEEDS, 'a swap', () => {
  const directory = testDirectory();
  let ground: DeskGround;
  let holder: string;

  beforeAll(async () => {
    ground = await DeskGround.open();
    [holder] = await ground.launch();
    await ground.give(holder);
    expect(await eventually(() => ground.answers(), 10_000)).toBe(true);
  }, 60_000);
  afterAll(() => ground?.close(), 60_000);

  /** As it was before the swap: one instance, which has the address and answers. */
  async function expectAsBefore(): Promise<void> {
    expect([await ground.holder(), await ground.running(), await ground.answers()]).toEqual([holder, [holder], true]);
  }

  it('has another instance in the place of the old one, and the address is never with nobody', async () => {
    const old = holder;
    const like = await ground.like(old);
    expect(like?.profile).toMatch(/:instance-profile\/tiny$/);
    const [run, silentMs] = await ground.longestSilence(ground.swap(old));
    expect(run.code, run.talk).toBe(0);
    expect(killPoints(run.moments)).toEqual(expect.arrayContaining(KILLED_AT));
    holder = (await ground.holder()) ?? '';
    expect(holder).not.toBe(old);
    expect(await ground.like(holder)).toEqual(like);
    await expectAsBefore();
    expect(silentMs).toBeLessThan(2_000);
    expect(run.talk).toContain(`${ground.address.publicIp}: at ${holder}`);
    expect(run.talk).toContain(`${old}: terminated, having said goodbye`);
    await ground.cloud.machine(holder)!.exec(['haulout', 'sync']);
    const { stdout } = await ground.run(['fleet', 's3://fleet', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      instances: [{ instanceId: holder, publicIpv4: ground.address.publicIp }],
    });
  }, 120_000);

  it.each(KILLED_AT)(
    'killed at %s goes on when it is run again',
    async (moment) => {
      const found = await swapKilledAt(ground, holder, moment);
      expect(found).toMatchObject({ wasKilled: true, faults: [] });
      expect(found.silentMs).toBeLessThan(2_000);
      expect(found.holder).not.toBe(holder);
      holder = found.holder;
    },
    120_000,
  );

  it('goes back by itself where nothing answers through the address, and the new instance ends', async () => {
    const run = await ground.swap(holder, { words: ['--probe', 'tcp:9', '--prove', '2s'] });
    expect(run.code).toBe(1);
    expect(run.talk).toContain(`went back: ${holder} is where it was`);
    expect(run.talk).toMatch(/through the address: port 9 refused/);
    await expectAsBefore();
  }, 120_000);

  it('moves nothing where the new instance does not become healthy', async () => {
    const script = join(directory, 'bootstrap.js');
    writeFileSync(script, '#!/bin/sh\nexit 1\n');
    const where = ['--state', 's3://fleet/.haulout', '--role', 'tiny'];
    const run = await ground.swap(holder, { words: ['--user-data', script, '--timeout', '3s', ...where] });
    expect(run.code).toBe(1);
    expect(run.talk).toContain('not healthy within 3.0 s: it has not said anything');
    expect(run.moments.some((moment) => moment.startsWith('AssociateAddress'))).toBe(false);
    await expectAsBefore();
  }, 120_000);

  it('that was killed goes back when it is asked to', async () => {
    const killed = await ground.swap(holder, { killAt: 'AssociateAddress 1 after' });
    expect(killed.code).toBe(null);
    const run = await ground.swap(holder, { words: ['--back'] });
    expect(run.code).toBe(1);
    expect(run.talk).toContain('it was asked to go back');
    await expectAsBefore();
  }, 120_000);

  it('a launch whose words are wrong uploads nothing and asks for nothing', async () => {
    const before = ground.cloud.s3.list('fleet', '').length;
    for (const words of [[], ['--image-id', 'ami-1', '--count', '0'], ['--image-id', 'ami-1', '--tag', 'x']]) {
      const run = await ground.run(['launch', 's3://fleet/other', '--state', 's3://fleet/elsewhere', ...words]);
      expect([run.code, run.moments]).toEqual([64, []]);
    }
    expect(ground.cloud.s3.list('fleet', '')).toHaveLength(before);
  }, 60_000);

  it('is refused where the address is not at the old instance, and nothing is launched', async () => {
    const [other] = await ground.launch();
    const wrong = await ground.swap(other, { words: ['--address', ground.address.publicIp] });
    expect(wrong.code).toBe(1);
    expect(wrong.talk).toContain(`${holder} has this address, and ${other} should`);
    const none = await ground.swap(other);
    expect(none.talk).toContain('it has no address');
    for (const { moments } of [wrong, none]) expect(moments.join()).not.toContain('RunInstances');
    const unknown = await ground.swap('i-0123456789abcdef0');
    expect([unknown.code, unknown.talk]).toEqual([64, expect.stringContaining('say it: --state s3://bucket/.haulout')]);
    const replaced = await ground.replace(other);
    expect(replaced.code, replaced.talk).toBe(0);
    const running = await ground.running();
    expect(running).toHaveLength(2);
    expect(running).not.toContain(other);
  }, 120_000);
});
