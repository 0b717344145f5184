import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { DeskGround, type DeskRun } from '../support/desk-ground.ts';
import { MACHINE_NEEDS } from '../support/machines.ts';
import { describeWith } from '../support/needs.ts';
import { eventually } from '../support/scratch.ts';

describeWith(MACHINE_NEEDS, 'a launch', () => {
  let ground: DeskGround;

  beforeAll(async () => {
    ground = await DeskGround.open();
  }, 60_000);
  afterEach(() => ground.endAll(), 60_000);
  afterAll(() => ground?.close(), 60_000);

  const idsOf = ({ stdout }: DeskRun) => stdout.trim().split('\n');

  /** As many instances as were wanted are there and healthy, and nothing is left in the state. */
  async function expectLaunched(run: DeskRun, count: number): Promise<void> {
    expect(run.code, run.talk).toBe(0);
    const ids = idsOf(run);
    expect(ids).toHaveLength(count);
    for (const id of ids) expect(run.talk).toContain(`${id}: healthy after`);
    expect([...(await ground.running())].sort()).toEqual([...ids].sort());
    expect(ground.operations()).toEqual([]);
  }

  it.each([
    ['PutObject 1 after', 0],
    ['RunInstances 1 before', 0],
    ['RunInstances 1 after', 1],
    ['DeleteObject 1 before', 1],
  ])(
    'killed at %s has launched %i, and goes on when it is run again',
    async (killAt, launched) => {
      const killed = await ground.runLaunch({ killAt });
      expect(killed.code).toBe(null);
      expect(await ground.running()).toHaveLength(launched);
      expect(ground.operations()).toHaveLength(1);
      const run = await ground.runLaunch();
      await expectLaunched(run, 1);
      expect(run.asked.includes('RunInstances')).toBe(launched === 0);
      expect(run.talk).toMatch(/the launch of [\dT:.-]+Z was cut off/);
    },
    60_000,
  );

  it('killed before it is written down has launched nothing and leaves nothing', async () => {
    const killed = await ground.runLaunch({ killAt: 'PutObject 1 before' });
    expect([killed.code, killed.asked, ground.operations()]).toEqual([null, [], []]);
    await expectLaunched(await ground.runLaunch(), 1);
  }, 60_000);

  it('goes on with all of several', async () => {
    const words = ['--count', '2'];
    await ground.runLaunch({ killAt: 'RunInstances 1 after', words });
    await expectLaunched(await ground.runLaunch({ words }), 2);
  }, 60_000);

  it('that was cut off is told of where another one is wanted, and is never taken for that', async () => {
    await ground.runLaunch({ killAt: 'RunInstances 1 after' });
    const [cutOff] = await ground.running();
    const run = await ground.runLaunch({ words: ['--instance-type', 't3.large'] });
    expect(run.code, run.talk).toBe(0);
    expect(run.talk).toContain('of other words or another build than now, was cut off; it launched');
    expect(run.talk).toContain(`aws ec2 terminate-instances --instance-ids ${cutOff}`);
    expect(idsOf(run)).not.toContain(cutOff);
    expect([...(await ground.running())].sort()).toEqual([cutOff, ...idsOf(run)].sort());
    expect(ground.operations()).toEqual([]);
  }, 60_000);

  it('that was cut off and never came to be is forgotten only when EC2 cannot show it any more', async () => {
    await ground.runLaunch({ killAt: 'RunInstances 1 before' });
    const before = ground.operations();
    const run = await ground.runLaunch({ words: ['--instance-type', 't3.large'] });
    expect(run.code, run.talk).toBe(0);
    expect(run.talk).toContain('EC2 shows nothing of it yet: its record is left');
    expect(ground.operations()).toEqual(before);
    expect(await ground.running()).toEqual(idsOf(run));
    for (const key of before) await ground.cloud.s3.delete('fleet', key);
  }, 60_000);

  it('at the same time as another one of the same words launches its own', async () => {
    ground.slowLaunches(4_000);
    const first = ground.runLaunch();
    expect(await eventually(() => ground.operations().length === 1, 20_000)).toBe(true);
    const both = await Promise.all([first, ground.runLaunch()]);
    ground.slowLaunches(0);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both[1].talk).toContain('another launch is under way');
    expect([...(await ground.running())].sort()).toEqual(both.flatMap(idsOf).sort());
    expect(new Set(both.flatMap(idsOf)).size).toBe(2);
    expect(ground.operations()).toEqual([]);
  }, 60_000);

  it('that EC2 refuses leaves nothing, and the same token with other words names what it launched', async () => {
    const refused = await ground.runLaunch({ words: ['--image-id', 'nonsense'] });
    expect(refused.code).toBe(1);
    expect(refused.talk).toContain('RunInstances was refused');
    const token = ['--client-token', 'mine/1'];
    const run = await ground.runLaunch({ words: token });
    await expectLaunched(run, 1);
    const [id] = idsOf(run);
    expect(idsOf(await ground.runLaunch({ words: token }))).toEqual([id]);
    const other = await ground.runLaunch({ words: [...token, '--instance-type', 't3.large'] });
    expect(other.code).toBe(1);
    expect(other.talk).toContain(`this token launched something else before: ${id} (running)`);
    expect(other.talk).toContain(`aws ec2 terminate-instances --instance-ids ${id}`);
    expect([await ground.running(), ground.operations()]).toEqual([[id], []]);
  }, 60_000);
});
