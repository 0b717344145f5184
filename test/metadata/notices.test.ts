import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HauloutError } from '../../src/lib/errors.ts';
import { type Announcement, NOTICE_SOURCES } from '../../src/metadata/notices.ts';
import { askedAt, startMetadata } from '../support/metadata.ts';
import { SEED } from '../support/seeded.ts';

const sourceOf = (kind: Announcement['kind']) => NOTICE_SOURCES.find((source) => source.kind === kind)!;
const parse = (kind: Announcement['kind'], text: string) => sourceOf(kind).parse(text);
const event = (parts: object) => ({
  NotBefore: '21 Jan 2027 09:00:43 GMT',
  Code: 'system-reboot',
  State: 'active',
  ...parts,
});
const events = (...list: object[]) => JSON.stringify(list);

const AT = Date.UTC(2027, 0, 21, 9, 0, 43);

describe('what is announced, as the EC2 User Guide shows it', () => {
  it.each<[Announcement['kind'], string, Announcement | undefined]>([
    ['spot', '{"action": "terminate", "time": "2027-01-21T09:00:43Z"}', { kind: 'spot', deadline: AT, leaveFrom: 0 }],
    ['spot', '{"action":"stop","time":"2027-01-21T09:00:43Z"}', { kind: 'spot', deadline: AT, leaveFrom: 0 }],
    ['spot', '{"action":"hibernate","time":"2027-01-21T09:00:43Z"}', { kind: 'spot', deadline: AT, leaveFrom: 0 }],
    ['rebalance', '{"noticeTime": "2027-01-21T09:00:43Z"}', { kind: 'rebalance' }],
    ['scheduled', events(event({})), { kind: 'scheduled', deadline: AT, leaveFrom: AT - 600_000 }],
    [
      'scheduled',
      events(event({ Code: 'instance-retirement' })),
      { kind: 'scheduled', deadline: AT, leaveFrom: AT - 600_000 },
    ],
    ['scheduled', events(event({ Code: 'system-maintenance' })), { kind: 'scheduled', deadline: AT }],
    ['scheduled', events(event({ State: 'completed' }), event({ State: 'canceled' })), undefined],
    ['scheduled', '[]', undefined],
    [
      'scheduled',
      events(event({ NotBefore: '22 Jan 2027 09:00:43 GMT' }), event({})),
      { kind: 'scheduled', deadline: AT, leaveFrom: AT - 600_000 },
    ],
    ['autoscaling', 'Terminated', { kind: 'autoscaling', leaveFrom: 0 }],
    ['autoscaling', 'Warmed:Terminated\n', { kind: 'autoscaling', leaveFrom: 0 }],
    ['autoscaling', 'InService', undefined],
    ['autoscaling', 'Standby', undefined],
    ['autoscaling', 'Warmed:Stopped', undefined],
  ])('%s: %s', (kind, text, expected) => {
    expect(parse(kind, text)).toEqual(expected);
  });
});

describe('what nobody can have announced', () => {
  it.each<[Announcement['kind'], string]>([
    ['spot', ''],
    ['spot', 'terminate'],
    ['spot', '{"action":"reboot","time":"2027-01-21T09:00:43Z"}'],
    ['spot', '{"action":"terminate"}'],
    ['spot', '{"action":"terminate","time":"soon"}'],
    ['spot', '{"action":"terminate","time":"2027-99-21T09:00:43Z"}'],
    ['spot', '{"action":["terminate"],"time":0}'],
    ['spot', '[{"action":"terminate","time":"2027-01-21T09:00:43Z"}]'],
    ['rebalance', '{}'],
    ['rebalance', '{"noticeTime":1}'],
    ['scheduled', '{}'],
    ['scheduled', '[1]'],
    ['scheduled', events(event({ Code: 'rm -rf /' }))],
    ['scheduled', events(event({ NotBefore: '2027' }))],
    ['scheduled', events(...Array.from({ length: 101 }, () => event({})))],
    ['autoscaling', 'Terminating'],
    ['autoscaling', 'System is still starting up'],
    ['autoscaling', 'Terminated\nInService'],
  ])('%s: %s', (kind, text) => {
    expect(() => parse(kind, text)).toThrow(HauloutError);
  });

  it('whatever the service says, it is an announcement, nothing, or refused by name', () => {
    const word = fc.constantFrom(
      'action',
      'time',
      'noticeTime',
      'NotBefore',
      'Code',
      'State',
      'active',
      'terminate',
      '__proto__',
    );
    const value = fc.oneof(word, fc.string(), fc.constant('2027-01-21T09:00:43Z'), fc.integer(), fc.constant(null));
    const object = fc.dictionary(fc.oneof(word, fc.string()), value);
    const json = fc.oneof(object, fc.array(object), fc.jsonValue()).map((each) => JSON.stringify(each));
    const text = fc.oneof(json, fc.string({ unit: 'binary' }), fc.constantFrom('Terminated', 'Warmed:', '[]'));
    let announced = 0;
    fc.assert(
      fc.property(text, fc.constantFrom(...NOTICE_SOURCES), (said, source) => {
        try {
          const found = source.parse(said);
          if (!found) return;
          announced++;
          expect(found.kind).toBe(source.kind);
          for (const time of [found.deadline ?? 0, found.leaveFrom ?? 0]) expect(Number.isFinite(time)).toBe(true);
        } catch (error) {
          if (!(error instanceof HauloutError)) throw error;
        }
      }),
      { seed: SEED, numRuns: 10_000 },
    );
    process.stdout.write(`announcements: seed ${SEED}, 10000 texts, ${announced} of them one\n`);
    expect(announced).toBeGreaterThan(20);
  });
});

describe('at the wire', () => {
  it('there is nothing, then there is, then there is nothing; each question is one request with a token', async () => {
    const metadata = await startMetadata();
    const asked = askedAt(metadata.base);
    await asked.identity();
    expect(asked.announces).toBe(true);
    const before = metadata.log.length;
    const { path, parse } = sourceOf('spot');
    expect(await asked.peek(path, parse)).toBeUndefined();
    metadata.facts = { extra: { 'spot/instance-action': '{"action":"stop","time":"2027-01-21T09:00:43Z"}' } };
    expect(await asked.peek(path, parse)).toMatchObject({ kind: 'spot' });
    metadata.facts = {};
    expect(await asked.peek(path, parse)).toBeUndefined();
    const questions = metadata.log.slice(before).filter(({ method }) => method === 'GET');
    expect(questions.map(({ status, withToken }) => [status, withToken])).toEqual([
      [404, true],
      [200, true],
      [404, true],
    ]);
  });

  it('a service that is gone is no answer, at once and without a word', async () => {
    const metadata = await startMetadata();
    const said: string[] = [];
    const asked = askedAt(metadata.base, { say: (words) => said.push(words) });
    await asked.identity();
    const before = said.length;
    await metadata.stop();
    const begun = performance.now();
    const { path, parse } = sourceOf('spot');
    await expect(asked.peek(path, parse)).rejects.toThrow();
    expect([performance.now() - begun < 1_000, said.length]).toEqual([true, before]);
  });

  it.each([['openstack'], ['eucalyptus-3']] as const)('%s announces nothing, so nobody asks', async (dialect) => {
    const metadata = await startMetadata({}, 0, dialect);
    const asked = askedAt(metadata.base);
    await asked.identity();
    expect(asked.announces).toBe(false);
  });
});
