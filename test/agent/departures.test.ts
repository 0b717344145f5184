import { describe, expect, it, onTestFinished } from 'vitest';
import { Departures } from '../../src/agent/departures.ts';
import { type Farewell, FarewellFile } from '../../src/agent/farewell-file.ts';
import { Goodbye } from '../../src/agent/goodbye.ts';
import { NoticeBoard } from '../../src/agent/notice-board.ts';
import type { ReadMetadata } from '../../src/aws/imds.ts';
import type { Notice } from '../../src/fleet/lease.ts';
import { StateFiles } from '../../src/ledger/state-files.ts';
import { lineLog } from '../../src/lib/log.ts';
import type { ServiceSpec } from '../../src/spec/spec.ts';
import { scratch } from '../support/scratch.ts';
import { SteppedClock } from '../support/stepped-clock.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const SPOT = 'meta-data/spot/instance-action';
const GROUP = 'meta-data/autoscaling/target-lifecycle-state';
const EVENTS = 'meta-data/events/maintenance/scheduled';

/** What is on its disk. */
interface Kept {
  farewell: Farewell | undefined;
}

/** A machine of which only the clock, the metadata and the calls are there. */
function machine(how: { awaited?: boolean; kept?: Kept; hang?: string[]; release?: () => Promise<void> } = {}) {
  const clock = new SteppedClock();
  const metadata = { says: new Map<string, string>(), isGone: false };
  const told: string[] = [];
  const calls: string[] = [];
  const keys: number[] = [];
  const power = { goesDown: false };
  let lease: { state: string; notice?: Notice | undefined } = { state: 'active' };
  const peek: ReadMetadata = async (path, parse) => {
    if (metadata.isGone) throw new Error('gone');
    const text = metadata.says.get(path);
    return text === undefined ? undefined : parse(text);
  };
  const kept = how.kept ?? { farewell: undefined };
  const file = {
    read: async () => kept.farewell,
    async keep(farewell: Farewell | undefined) {
      kept.farewell = farewell;
    },
  };
  const at = () => Math.round(clock.elapsed() / SECOND);
  const hook =
    (name: string) =>
    async ({ id, timeoutMs }: ServiceSpec) => {
      calls.push(`${at()} ${name} ${id} ${Math.round(timeoutMs / SECOND)}`);
      await clock.sleep(how.hang?.includes(`${name} ${id}`) ? 3_600 * SECOND : SECOND);
      return [];
    };
  const parts = {
    ...{ clock, log: lineLog(() => undefined), file },
    presence: {
      say(state: string, notice: Notice | undefined) {
        lease = { state, notice };
      },
    },
    board: new NoticeBoard({ announces: true, peek }, clock),
  };
  const services = ['db', 'web'].map((id) => ({ id, timeoutMs: 300 * SECOND }) as ServiceSpec);
  const tell = async (stopped: readonly string[] = []) =>
    void told.push(`${at()} ${lease.state} ${stopped.join()}`.trim());
  const hands = {
    services: async () => services,
    drain: hook('drain'),
    registrations: async () => [],
    withdraw: async () => [],
    stop: async (service: ServiceSpec) => ({ ok: true, words: await hook('stop')(service) }),
    quiet: async () => undefined,
  };
  const departures = new Departures({
    ...parts,
    goodbye: (notice, leftMs) => new Goodbye({ ...parts, ...hands, tell }, notice, leftMs),
    isAwaited: () => how.awaited ?? false,
    release: how.release ?? (async () => void calls.push(`${at()} release`)),
    tell,
    power,
    keepKeys: async () => void keys.push(at()),
    resume: () => calls.push(`${at()} resume`),
    bringBack: async (touched) => void calls.push(`${at()} back ${touched.join()}`),
  });
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const begin = async () => {
    await departures.resume();
    void departures.live(stop.signal);
  };
  const spot = (afterMs: number) =>
    metadata.says.set(SPOT, JSON.stringify({ action: 'stop', time: new Date(clock.now() + afterMs).toISOString() }));
  return { clock, metadata, told, calls, begin, spot, departures, kept, keys, power, stop, lease: () => lease };
}

describe('a spot notice', () => {
  it('is heard within five seconds: drained side by side, stopped in reverse, each in its share of the time', async () => {
    const { clock, begin, spot, calls, told } = machine();
    await begin();
    await clock.advance(7 * SECOND);
    spot(120 * SECOND);
    await clock.advance(60 * SECOND);
    expect(calls).toEqual(['10 drain db 54', '10 drain web 54', '11 stop web 53', '12 stop db 105']);
    expect(told).toEqual(['10 draining', '13 ended web,db']);
  });

  it('hooks that hang hold up no tombstone: it is written with a quarter of the time, ten seconds at most, to spare', async () => {
    for (const [left, ended] of [
      [120, 110],
      [40, 30],
      [8, 6],
    ] as const) {
      const { clock, begin, spot, told } = machine({ hang: ['stop web', 'drain db'] });
      spot(left * SECOND);
      await begin();
      await clock.advance(130 * SECOND);
      expect(told[1]).toBe(`${ended} ended`);
    }
  });

  it('that is taken back: what was touched is brought back, and the lease is active', async () => {
    const { clock, begin, spot, metadata, calls, lease } = machine();
    spot(120 * SECOND);
    await begin();
    await clock.advance(20 * SECOND);
    expect(lease()).toMatchObject({ state: 'ended', notice: { kind: 'spot' } });
    metadata.says.clear();
    await clock.advance(6 * SECOND);
    expect([calls.at(-2), lease()]).toEqual(['25 back db,web', { state: 'active', notice: undefined }]);
  });

  it('that is taken back while a hook hangs: nothing is started before that has ended', async () => {
    const { clock, begin, spot, metadata, calls, lease } = machine({ hang: ['stop web'] });
    spot(60 * SECOND);
    await begin();
    await clock.advance(20 * SECOND);
    metadata.says.clear();
    await clock.advance(1_800 * SECOND);
    expect([calls.at(-1), lease().state]).toEqual([expect.stringContaining('stop web'), 'draining']);
    await clock.advance(1_900 * SECOND);
    expect([calls.slice(-2), lease().state]).toEqual([['3601 back db,web', '3601 resume'], 'active']);
  });

  it('is not taken back by a metadata service that is gone, until it is long past', async () => {
    const { clock, begin, spot, metadata, calls, lease } = machine();
    spot(120 * SECOND);
    await begin();
    await clock.advance(20 * SECOND);
    metadata.isGone = true;
    await clock.advance(200 * SECOND);
    expect(lease().state).toBe('ended');
    await clock.advance(60 * SECOND);
    expect([calls.at(-2), lease().state]).toEqual([expect.stringMatching(/^24\d back db,web$/), 'active']);
    await clock.advance(600 * SECOND);
    expect(calls.filter((call) => call.includes('stop'))).toHaveLength(2);
  });

  it('of long ago, by a clock that may be wrong, is acted upon, once', async () => {
    const { clock, begin, spot, told } = machine();
    spot(-600 * SECOND);
    await begin();
    await clock.advance(60 * MINUTE);
    expect(told.slice(0, 2)).toEqual(['0 draining', expect.stringMatching(/^\d ended/)]);
    expect(told.filter((word) => word.includes('draining'))).toHaveLength(1);
  });

  it('in hours, by a clock that is hours slow, has two minutes', async () => {
    const { clock, begin, spot, calls } = machine();
    spot(3 * 60 * MINUTE);
    await begin();
    await clock.advance(10 * SECOND);
    expect(calls[0]).toBe('0 drain db 55');
  });
});

describe('other announcements', () => {
  const event = (at: number, Code = 'system-reboot') =>
    JSON.stringify([{ NotBefore: new Date(at).toUTCString().replace(/^\w+, /, ''), Code, State: 'active' }]);

  it('an event weeks ahead is a word in the status, and acted upon ten minutes before', async () => {
    const { clock, begin, metadata, told, lease } = machine();
    metadata.says.set(EVENTS, event(clock.now() + 60 * MINUTE));
    await begin();
    await clock.advance(49 * MINUTE);
    expect([told, lease()]).toMatchObject([['0 active'], { state: 'active', notice: { kind: 'scheduled' } }]);
    await clock.advance(2 * MINUTE);
    expect(lease().state).toBe('ended');
    expect(told[1]).toBe('3000 draining');
  });

  it('maintenance that ends nothing is a word, and when it is over there is none', async () => {
    const { clock, begin, metadata, told, lease, calls } = machine();
    metadata.says.set(EVENTS, event(clock.now() + MINUTE, 'system-maintenance'));
    await begin();
    await clock.advance(2 * MINUTE);
    expect(lease().notice?.kind).toBe('scheduled');
    metadata.says.set(EVENTS, '[]');
    await clock.advance(MINUTE);
    expect([lease().notice, told.length, calls]).toEqual([undefined, 2, []]);
  });

  it('a group that waits is told to go on when the services are stopped, once; one that does not is not', async () => {
    for (const awaited of [true, false]) {
      const { clock, begin, metadata, calls } = machine({ awaited });
      metadata.says.set(GROUP, 'Terminated');
      await begin();
      await clock.advance(10 * MINUTE);
      expect(calls.filter((call) => call.endsWith('release'))).toEqual(awaited ? ['5 release'] : []);
      expect(calls[0]).toBe(awaited ? '0 drain db 300' : '0 drain db 40');
    }
  });

  it('a group that refuses is told again after a minute', async () => {
    let times = 0;
    const release = () => (++times < 3 ? Promise.reject(new Error('refused')) : Promise.resolve());
    const { clock, begin, metadata } = machine({ awaited: true, release });
    metadata.says.set(GROUP, 'Terminated');
    await begin();
    await clock.advance(10 * MINUTE);
    expect(times).toBe(3);
  });

  it('an instance that its group takes back stays', async () => {
    const { clock, begin, metadata, lease } = machine();
    metadata.says.set(GROUP, 'Terminated');
    await begin();
    await clock.advance(MINUTE);
    metadata.says.set(GROUP, 'InService');
    await clock.advance(MINUTE);
    expect(lease().state).toBe('active');
  });
});

describe('haulout shutdown', () => {
  it('is said, and if the machine is still there two minutes after its time, it stays', async () => {
    const { clock, begin, departures, lease, calls, power } = machine();
    await begin();
    let said = false;
    void departures.shutDown(90 * SECOND).then(() => {
      said = true;
    });
    await clock.advance(10 * SECOND);
    expect([said, lease()]).toMatchObject([true, { state: 'ended', notice: { kind: 'shutdown' } }]);
    expect(power.goesDown).toBe(true);
    await clock.advance(200 * SECOND);
    expect(lease().state).toBe('ended');
    await clock.advance(20 * SECOND);
    expect(power.goesDown).toBe(false);
    expect([lease().state, calls.at(-2)]).toEqual(['active', '215 back db,web']);
  });

  it('finds keys that were asked for while there was somebody to ask: each minute', async () => {
    const { clock, begin, keys } = machine();
    await begin();
    await clock.advance(3 * MINUTE);
    expect(keys).toEqual([0, 60, 120, 180]);
  });

  it('beside a spot notice is the same goodbye', async () => {
    const { clock, begin, departures, spot, calls } = machine();
    spot(120 * SECOND);
    await begin();
    void departures.shutDown(90 * SECOND);
    await clock.advance(30 * SECOND);
    expect(calls.filter((call) => call.includes('stop'))).toHaveLength(2);
  });
});

describe('a second notice, while a goodbye is under way', () => {
  it('that leaves less time cuts it short: a drain is not waited for any longer, the services are stopped', async () => {
    const { clock, begin, metadata, departures, told, lease } = machine({ awaited: true, hang: ['drain db'] });
    metadata.says.set(GROUP, 'Terminated');
    await begin();
    await clock.advance(60 * SECOND);
    expect(lease().state).toBe('draining');
    void departures.shutDown(90 * SECOND);
    await clock.advance(85 * SECOND);
    expect([lease().state, told.at(-1)]).toEqual(['ended', '102 ended web,db']);
  });

  it('of a spot instance, too', async () => {
    const { clock, begin, metadata, spot, lease, told } = machine({ awaited: true, hang: ['drain db'] });
    metadata.says.set(GROUP, 'Terminated');
    await begin();
    await clock.advance(60 * SECOND);
    spot(120 * SECOND);
    await clock.advance(115 * SECOND);
    expect([lease().state, told.at(-1)]).toEqual(['ended', '120 ended web,db']);
  });

  it('that leaves less time finds the tombstone written by then, whatever hangs', async () => {
    const hang = ['drain db', 'stop web'];
    const { clock, begin, metadata, departures, told } = machine({ awaited: true, hang });
    metadata.says.set(GROUP, 'Terminated');
    await begin();
    await clock.advance(60 * SECOND);
    void departures.shutDown(90 * SECOND);
    await clock.advance(85 * SECOND);
    expect(told.at(-1)).toBe('140 ended');
  });

  it('that is looked at again and again by another clock does not give the drain more of the time each time', async () => {
    const { clock, begin, metadata, departures, told } = machine({ awaited: true, hang: ['drain db'] });
    metadata.says.set(GROUP, 'Terminated');
    await begin();
    await clock.advance(60 * SECOND);
    for (let look = 0; look < 24; look++) {
      void departures.shutDown((120 - 5 * look) * SECOND - look);
      await clock.advance(5 * SECOND);
    }
    expect(told.at(-1)).toBe('117 ended web,db');
  });

  it('that leaves more time changes nothing', async () => {
    const { clock, begin, metadata, spot, told } = machine({ awaited: true, hang: ['drain db', 'stop web'] });
    spot(60 * SECOND);
    await begin();
    await clock.advance(10 * SECOND);
    metadata.says.set(GROUP, 'Terminated');
    await clock.advance(60 * SECOND);
    expect(told.at(-1)).toBe('50 ended');
  });

  it('a shutdown while a notice is taken back leaves all the same', async () => {
    const { clock, begin, spot, metadata, departures, calls, lease, power } = machine({ hang: ['stop web'] });
    spot(60 * SECOND);
    await begin();
    await clock.advance(20 * SECOND);
    metadata.says.clear();
    await clock.advance(20 * SECOND);
    let said = false;
    void departures.shutDown(90 * SECOND).then(() => {
      said = true;
    });
    await clock.advance(90 * SECOND);
    expect([said, lease().state, power.goesDown]).toEqual([true, 'ended', true]);
    expect(calls.some((call) => call.includes('back'))).toBe(false);
  });
});

describe('an agent that is started again', () => {
  it('after the goodbye says it no second time, and stays when the notice is taken back', async () => {
    const first = machine();
    first.spot(120 * SECOND);
    await first.begin();
    await first.clock.advance(20 * SECOND);
    first.stop.abort();
    const second = machine({ kept: first.kept });
    second.metadata.isGone = true;
    await second.begin();
    await second.clock.advance(20 * SECOND);
    expect([second.calls, second.lease().state]).toEqual([[], 'ended']);
    second.metadata.isGone = false;
    await second.clock.advance(6 * SECOND);
    expect([second.calls, second.lease().state]).toEqual([['25 back db,web', '25 resume'], 'active']);
  });

  it('in the middle of it goes on with it', async () => {
    const first = machine({ hang: ['stop web'] });
    first.spot(120 * SECOND);
    await first.begin();
    await first.clock.advance(20 * SECOND);
    first.stop.abort();
    const second = machine({ kept: first.kept });
    second.spot(100 * SECOND);
    await second.begin();
    await second.clock.advance(20 * SECOND);
    expect(second.lease().state).toBe('ended');
    expect(second.calls.map((call) => call.split(' ').slice(1, 3).join(' '))).toEqual([
      'drain db',
      'drain web',
      'stop web',
      'stop db',
    ]);
  });

  it.each([
    [
      'another boot',
      '{"bootId":"before","farewell":{"state":"ended","notice":{"kind":"spot","heard":"2026-11-20T10:00:00Z"},"touched":[]}}',
    ],
    ['torn', '{"bootId":"boot","farewell":{"sta'],
    [
      'a kind that nobody knows',
      '{"bootId":"boot","farewell":{"state":"ended","notice":{"kind":"x","heard":"2026-11-20T10:00:00Z"},"touched":[]}}',
    ],
    ['no time', '{"bootId":"boot","farewell":{"state":"ended","notice":{"kind":"spot","heard":"now"},"touched":[]}}'],
    [
      'services that are none',
      '{"bootId":"boot","farewell":{"state":"ended","notice":{"kind":"spot","heard":"2026-11-20T10:00:00Z"},"touched":[1]}}',
    ],
    ['nobody leaves', '{"bootId":"boot","farewell":null}'],
  ])('with a file of %s stays', async (_, text) => {
    const state = new StateFiles(scratch());
    await state.writeText('farewell.json', text);
    expect(await new FarewellFile(state, 'boot').read()).toBeUndefined();
  });

  it('with a file that says so leaves, and when that is over, stays', async () => {
    const state = new StateFiles(scratch());
    const file = new FarewellFile(state, 'boot');
    const notice = { kind: 'spot', heard: '2026-11-20T10:00:00Z', deadline: '2026-11-20T10:02:00Z' } as const;
    const farewell = { state: 'draining', notice, touched: ['web'] } as const;
    await file.keep(farewell);
    expect(await new FarewellFile(state, 'boot').read()).toEqual(farewell);
    expect(await new FarewellFile(state, 'the next').read()).toBeUndefined();
    await file.keep(undefined);
    expect(await new FarewellFile(state, 'boot').read()).toBeUndefined();
  });
});
