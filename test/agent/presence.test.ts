import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Presence } from '../../src/agent/presence.ts';
import { FIRST_RHYTHM } from '../../src/agent/rhythm.ts';
import { longestPause } from '../../src/agent/schedule.ts';
import { StateFiles } from '../../src/ledger/state-files.ts';
import { VirtualClock } from '../support/clock.ts';
import { scratch } from '../support/scratch.ts';

const IDENTITY = {
  ...{ instanceId: 'i-0123456789abcdef0', instanceType: 't3.micro', imageId: 'ami-1', accountId: '123456789012' },
  ...{
    region: 'eu-west-1',
    availabilityZone: 'eu-west-1a',
    localIpv4: '10.0.0.7',
    publicIpv4: '',
    hostname: 'h',
    tags: {},
  },
};
const BOOTS = ['first', 'second', 'third', 'fourth'];

async function boot(directory: string, bootId: string, instanceId = IDENTITY.instanceId) {
  const state = new StateFiles(directory);
  const clock = new VirtualClock();
  const parts = { state, bootId, clock, version: '1.2.3', settleMs: 5_000, rhythm: () => FIRST_RHYTHM };
  const presence = new Presence(parts);
  await presence.know({ ...IDENTITY, instanceId });
  return presence.told();
}

const generations = async (directory: string, boots: readonly string[], id?: string) => {
  const found: (number | undefined)[] = [];
  for (const bootId of boots) found.push((await boot(directory, bootId, id)).lease?.generation);
  return found;
};

describe('the boots of an instance', () => {
  it('are counted, and an agent that starts again in the same boot is none', async () => {
    const boots = ['first', 'first', 'second', 'second', 'third'];
    expect(await generations(scratch(), boots)).toEqual([1, 1, 2, 2, 3]);
  });

  it('begin anew with an instance that was made from the disk of another', async () => {
    const directory = scratch();
    expect(await generations(directory, BOOTS)).toEqual([1, 2, 3, 4]);
    expect(await generations(directory, ['fourth', 'fifth'], 'i-0aaaaaaaaaaaaaaaa')).toEqual([1, 2]);
  });

  it.each<[string, string]>([
    ['empty', ''],
    ['torn', '{"bootId":"fourth","insta'],
    ['of another shape', '[1,2,3]'],
    [
      'below zero',
      '{"bootId":"x","instanceId":"i-0123456789abcdef0","generation":-5,"bootedAt":"2026-11-20T10:00:00Z"}',
    ],
    [
      'beyond numbers',
      '{"bootId":"x","instanceId":"i-0123456789abcdef0","generation":1e308,"bootedAt":"2026-11-20T10:00:00Z"}',
    ],
    [
      'with a date that is none',
      '{"bootId":"x","instanceId":"i-0123456789abcdef0","generation":9,"bootedAt":"yesterday"}',
    ],
  ])('a count that is %s is never less than the last status has it', async (_, text) => {
    const directory = scratch();
    await generations(directory, BOOTS);
    const status = {
      ...{ schema: 1, instanceId: 'i-0123456789abcdef0', role: 'web', health: 'healthy', content: {} },
      ...{ services: [], waiting: [], waited: [], notes: [], timeline: [], lastSync: { changed: [] } },
      ...(await boot(directory, 'fourth')),
    };
    writeFileSync(join(directory, 'status.json'), JSON.stringify(status));
    writeFileSync(join(directory, 'boots.json'), text);
    expect(await generations(directory, ['fourth', 'fourth', 'fifth'])).toEqual([5, 5, 6]);
  });

  it('a disk that takes nothing costs the count, not the word', async () => {
    const directory = join(scratch(), 'state');
    writeFileSync(directory, 'a file');
    expect((await boot(directory, 'first')).lease).toMatchObject({ generation: 1, state: 'active' });
  });
});

describe('what is told', () => {
  it('is nothing before it is known which machine this is', () => {
    const state = new StateFiles(scratch());
    const parts = { state, bootId: 'first', clock: new VirtualClock(), version: '1', settleMs: 0 };
    expect(new Presence({ ...parts, rhythm: () => FIRST_RHYTHM }).told()).toEqual({});
  });

  it('is the same for the whole boot, its end apart', async () => {
    const directory = scratch();
    const first = await boot(directory, 'first');
    const again = await boot(directory, 'first');
    expect(again.instance).toEqual(first.instance);
    expect(first.instance).toMatchObject({ agent: '1.2.3', localIpv4: '10.0.0.7' });
    const booted = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]) * 1_000;
    expect(Math.abs(Date.parse(first.instance?.bootedAt ?? '') - booted)).toBeLessThan(5_000);
    expect(Date.parse(first.lease?.expires ?? '')).toBe(new VirtualClock().now() + 600_000);
  });
});

describe('the longest pause of a schedule', () => {
  afterEach(() => void vi.useRealTimers());
  const MINUTE = 60_000;

  it.each([
    ['*/5 * * * *', 'UTC', '2026-11-20T10:02:00Z', 5 * MINUTE],
    ['*/2 * * * * *', 'UTC', '2026-11-20T10:02:00Z', 2_000],
    ['*/10 9-17 * * 1-5', 'UTC', '2026-11-20T17:35:00Z', 3_790 * MINUTE],
    ['*/10 9-17 * * 1-5', 'UTC', '2026-11-20T17:55:00Z', 3_785 * MINUTE],
    ['*/10 9-17 * * 1-5', 'UTC', '2026-11-20T10:00:00Z', 10 * MINUTE],
    ['0 3 * * *', 'Europe/Berlin', '2026-11-20T10:00:00Z', 1_440 * MINUTE],
    ['0 0 1 1 *', 'UTC', '2026-11-20T10:00:00Z', 366 * 1_440 * MINUTE],
  ])('%s in %s at %s', (expression, timezone, now, expected) => {
    vi.useFakeTimers({ now: new Date(now), toFake: ['Date'] });
    expect(longestPause(expression, timezone)).toBe(expected);
  });
});
