import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { BucketWriter } from '../../src/aws/write.ts';
import { Journal } from '../../src/cli/swap/journal.ts';
import type { Next } from '../../src/cli/swap/steps.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { VirtualClock } from '../support/clock.ts';
import { rejection, s3ForTest } from '../support/readers.ts';
import { KEY, REGION } from '../support/s3.ts';

const OLD = 'i-0123456789abcdef0';
const OBJECT = `.haulout/operations/swap-${OLD}.json`;
const operation: Next = {
  schema: 1,
  step: 'launch',
  old: OLD,
  token: 't',
  role: 'planet',
  holdMs: 1,
  timeoutMs: 1,
  proveMs: 1,
  like: {},
  tags: {},
  startedAt: '2026-11-26T12:00:00.000Z',
};

async function journals() {
  const s3 = await s3ForTest();
  const open = (clock: VirtualClock | typeof systemClock = systemClock) => {
    const endpoint = { url: s3.url, region: REGION };
    const writer = new BucketWriter({ endpoint, credentials: KEY });
    return new Journal(writer, { bucket: 'bkt', prefix: '.haulout' }, OLD, clock);
  };
  const written = async () => JSON.parse(String(await s3.endpoint.get('bkt', OBJECT, 1e6))) as Record<string, unknown>;
  const plant = (value: unknown) => s3.endpoint.put('bkt', OBJECT, { bytes: Buffer.from(JSON.stringify(value)) });
  return { open, written, plant };
}

const silent = () => undefined;
/** A process that has ended: its number belongs to nobody for a while. */
const deadPid = () => spawnSync('/bin/true').pid;

describe('the journal of a swap', () => {
  it('has nothing where nothing was begun, and what was begun where its run was killed', async () => {
    const { open, written, plant } = await journals();
    const first = open();
    expect(await first.open(silent)).toBeUndefined();
    await first.write(operation);
    first.close();
    expect(await written()).toMatchObject({ step: 'launch', owner: { host: hostname(), pid: process.pid } });
    await plant({
      ...(await written()),
      step: 'settle',
      owner: { host: hostname(), pid: deadPid(), id: 'x', at: new Date().toISOString() },
    });
    expect(await open().open(silent)).toMatchObject({ step: 'settle' });
  });

  it('that went back is over; that is done is told again, for the old one has ended by it', async () => {
    const { open, plant } = await journals();
    const owner = { host: 'elsewhere', pid: 1, id: 'x', at: new Date().toISOString() };
    await plant({ ...operation, step: 'undone', owner });
    expect(await open().open(silent)).toBeUndefined();
    await plant({ ...operation, step: 'done', owner });
    expect(await open().open(silent)).toMatchObject({ step: 'done' });
  });

  it('that was waited for is not begun anew, however it ended', async () => {
    const { open, plant } = await journals();
    const clock = new VirtualClock();
    const owner = { host: 'elsewhere', pid: 7, id: 'x', at: new Date(clock.now()).toISOString() };
    await plant({ ...operation, owner });
    clock.at(5_000, () => plant({ ...operation, step: 'undone', owner }));
    expect(await open(clock).open(silent)).toMatchObject({ step: 'undone' });
  });

  it.each([-1, 1])('is known to be worked at by signs, also where the other clock is %i day off', async (days) => {
    const { open, plant } = await journals();
    const clock = new VirtualClock();
    const sign = () => {
      const at = new Date(clock.now() + days * 86_400_000).toISOString();
      return plant({ ...operation, owner: { host: 'elsewhere', pid: 7, id: 'x', at } });
    };
    await sign();
    for (let at = 5_000; at <= 60_000; at += 5_000) clock.at(at, sign);
    const mine = open(clock);
    expect(await mine.open(silent)).toMatchObject({ step: 'launch' });
    expect(Math.round(clock.elapsed() / 1_000)).toBeGreaterThanOrEqual(80);
    expect(clock.elapsed()).toBeLessThan(90_000);
    await mine.write(operation);
    await sign();
    expect(await rejection(mine.write(operation))).toMatchObject({ code: 'operation-taken-over' });
    mine.close();
  });

  it('is waited for while somebody else gives signs of life, and is ours when they stop', async () => {
    const { open, plant } = await journals();
    const clock = new VirtualClock();
    await plant({
      ...operation,
      owner: { host: 'elsewhere', pid: 7, id: 'x', at: new Date(clock.now()).toISOString() },
    });
    const said: string[] = [];
    expect(await open(clock).open((words) => said.push(words))).toMatchObject({ step: 'launch' });
    expect(clock.elapsed()).toBeGreaterThanOrEqual(20_000);
    expect(said).toEqual(['another run works at this swap (elsewhere, process 7): waiting for it']);
  });

  it('that somebody else has taken over is written no more', async () => {
    const { open, plant, written } = await journals();
    const mine = open();
    await mine.write(operation);
    const owner = { host: 'elsewhere', pid: 7, id: 'x', at: new Date().toISOString() };
    await plant({ ...operation, step: 'settle', owner });
    for (let i = 0; i < 2; i++)
      expect(await rejection(mine.write({ ...operation, step: 'move' }))).toMatchObject({
        code: 'operation-taken-over',
      });
    mine.close();
    expect(await written()).toMatchObject({ step: 'settle', owner });
  });

  it.each([
    ['text', 'x'],
    ['another schema', { ...operation, schema: 2, owner: { at: '' } }],
    ['no owner', operation],
  ])('that cannot be read is not taken for none: %s', async (_, value) => {
    const { open, plant } = await journals();
    await plant(value);
    expect(await rejection(open().open(silent))).toMatchObject({ code: 'operation-unreadable' });
  });
});
