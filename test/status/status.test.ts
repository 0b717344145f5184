import { describe, expect, it } from 'vitest';
import { HauloutError } from '../../src/lib/errors.ts';
import { material, type Status } from '../../src/status/status.ts';
import { Timeline, type TimelineEntry } from '../../src/status/timeline.ts';
import { VirtualClock } from '../support/clock.ts';

const LEASE = { generation: 1, expires: '2026-11-20T12:10:00.000Z', state: 'active' } as const;
const INSTANCE = {
  ...{ localIpv4: '10.0.0.7', publicIpv4: '', instanceType: 't3.micro', availabilityZone: '', region: 'eu-west-1' },
  ...{ bootedAt: '2026-11-20T11:00:00.000Z', agent: '0.1.0' },
};
const status: Status = {
  schema: 1,
  instanceId: 'i-1',
  role: 'planet',
  at: '2026-11-20T12:00:00.000Z',
  health: 'healthy',
  content: { wanted: 'a', active: 'a' },
  lease: LEASE,
  lastSync: { startedAt: '2026-11-20T12:00:00.000Z', ms: 12, steps: 0, changed: [], requests: 1, bytes: 100 },
  services: [{ id: 'web', state: 'healthy', port: 80 }],
  waiting: [],
  waited: [],
  notes: [],
  timeline: [],
};
const waiting = { subject: 'service:web', code: 'x', failures: 1, nextTry: 1 };
const trouble = { code: 'x', step: 'service', subject: 'service:web', reason: 'r', hint: 'h' };

describe('what is material about a status', () => {
  it.each<[string, Partial<Status>]>([
    ['the time', { at: '2026-11-20T12:05:00.000Z' }],
    [
      'how long it took and what it cost',
      { lastSync: { ...status.lastSync, startedAt: 'x', ms: 99, requests: 9, bytes: 9 } },
    ],
    ['when the lease ends', { lease: { ...LEASE, expires: '2026-11-20T12:15:00.000Z' } }],
    ['the timeline', { timeline: [{ step: 'facts', from: 0, ms: 1, ok: true }] }],
  ])('not %s: a no-op is not written again', (_what, change) => {
    expect(material({ ...status, ...change })).toBe(material(status));
  });

  it('not when and how often a subject is tried again', () => {
    const [first, second] = [1, 2].map((failures) => ({
      ...status,
      waiting: [{ ...waiting, failures, nextTry: failures }],
    }));
    expect(material(first!)).toBe(material(second!));
  });

  it.each<[string, Partial<Status>]>([
    ['health', { health: 'degraded' }],
    ['content', { content: { wanted: 'b', active: 'a' } }],
    ['what is set aside', { content: { ...status.content, setAside: { digest: 'b', code: 'x', subject: 'y' } } }],
    ['a service', { services: [{ id: 'web', state: 'unhealthy' }] }],
    ['what changed', { lastSync: { ...status.lastSync, changed: ['file:/etc/motd'] } }],
    ['who waits', { waiting: [waiting] }],
    ['trouble', { trouble }],
    ['its output', { trouble: { ...trouble, output: 'o' } }],
    ['a mistake', { mistakes: [{ file: 'haulout.ini', line: 1, column: 1, what: 'w', instead: 'i' }] }],
    ['a note', { notes: ['n'] }],
    ['the instance', { instanceId: 'i-2' }],
    ['another boot', { lease: { ...LEASE, generation: 2 } }],
    ['that it leaves', { lease: { ...LEASE, state: 'draining' } }],
    ['another address', { instance: { ...INSTANCE, publicIpv4: '203.0.113.7' } }],
  ])('%s', (_what, change) => {
    expect(material({ ...status, ...change })).not.toBe(material(status));
  });
});

describe('the timeline', () => {
  it('takes the time of each station, by a clock that is never set, and tells each as it ends', async () => {
    const clock = new VirtualClock();
    const told: TimelineEntry[] = [];
    const timeline = new Timeline(clock, (entry) => told.push(entry));
    clock.advance(5.4);
    const looking = async () => {
      clock.advance(10);
      return 'result';
    };
    expect(await timeline.take({ step: 'facts' }, looking)).toBe('result');
    await timeline.take({ step: 'service', subject: 'service:web', why: 'w' }, async () => clock.advance(20));
    expect(timeline.entries).toEqual([
      { step: 'facts', from: 5, ms: 10, ok: true },
      { step: 'service', subject: 'service:web', why: 'w', from: 15, ms: 20, ok: true },
    ]);
    expect(told).toEqual(timeline.entries);
    expect(timeline.elapsed).toBe(35);
  });

  it('keeps the code of what failed, and throws it on as it was', async () => {
    const timeline = new Timeline(new VirtualClock());
    const error = new HauloutError({ code: 'hook-failed', step: 's', subject: 'x', reason: 'r', hint: 'h' });
    const failing = (thrown: unknown) => timeline.take({ step: 'service' }, () => Promise.reject(thrown));
    await expect(failing(error)).rejects.toBe(error);
    await expect(failing(Object.assign(new Error('no'), { code: 'ENOENT' }))).rejects.toThrow('no');
    await expect(failing('a word')).rejects.toBe('a word');
    expect(timeline.entries.map(({ ok, code }) => [ok, code])).toEqual([
      [false, 'hook-failed'],
      [false, 'ENOENT'],
      [false, 'unexpected'],
    ]);
  });
});
