import { describe, expect, it } from 'vitest';
import * as book from '../../src/ledger/ledger.ts';
import { NOW, snapshotOf } from '../support/planned.ts';

const { activated, chooseContent, contentFailed, contentProven, emptyLedger, failed, isDue, isSetAside, withSubjects } =
  book;
const SUBJECT = 'service:web';
const MINUTE = 60_000;

function failedTimes(times: number, content = 'c1', from = emptyLedger('i-1')): book.Ledger {
  let ledger = from;
  for (let time = 0; time < times; time++)
    ledger = failed(ledger, SUBJECT, { wanted: 'w', code: 'x', content, now: NOW });
  return ledger;
}

function pauseAfter(times: number): number {
  return failedTimes(times).subjects[SUBJECT]!.failures!.nextTry - NOW;
}

describe('back-off', () => {
  it('doubles from 5 s and ends at 15 minutes', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8].map(pauseAfter)).toEqual(
      [5, 10, 20, 40, 80, 160, 320, 640].map((seconds) => seconds * 1_000),
    );
    expect([9, 10, 60, 2_000].map(pauseAfter)).toEqual([15, 15, 15, 15].map((minutes) => minutes * MINUTE));
  });

  it('begins anew with other content', () => {
    expect(failedTimes(1, 'c2', failedTimes(5)).subjects[SUBJECT]?.failures).toMatchObject({ count: 1, content: 'c2' });
  });

  it('keeps what was last activated, and success ends it', () => {
    const active = withSubjects(emptyLedger('i-1'), [[SUBJECT, { ...activated('v1'), inputs: { a: '1' } }]]);
    const record = failedTimes(2, 'c1', active).subjects[SUBJECT];
    expect(record).toMatchObject({
      wanted: 'w',
      activated: 'v1',
      onDisk: 'v1',
      inputs: { a: '1' },
      failures: { count: 2 },
    });
    expect(activated('v2')).toEqual({ wanted: 'v2', onDisk: 'v2', activated: 'v2' });
  });

  it('changes no ledger that is there already', () => {
    const before = Object.freeze(emptyLedger('i-1'));
    failedTimes(3, 'c1', before);
    expect(before).toEqual(emptyLedger('i-1'));
  });
});

describe('due', () => {
  const record = failedTimes(9).subjects[SUBJECT]!; // a pause of 15 minutes
  it.each([
    ['never failed', undefined, 'c1', NOW, true],
    ['succeeded', activated('v'), 'c1', NOW, true],
    ['other content', record, 'c2', NOW, true],
    ['just failed', record, 'c1', NOW, false],
    ['a moment before', record, 'c1', NOW + 15 * MINUTE - 1, false],
    ['at its time', record, 'c1', NOW + 15 * MINUTE, true],
    ['long after', record, 'c1', NOW + 999 * MINUTE, true],
    ['clock set back by a second: longer than the longest pause', record, 'c1', NOW - 1_000, true],
    ['clock set back by years', record, 'c1', 0, true],
  ])('%s', (_case, of, content, now, due) => {
    expect(isDue(of, content, now)).toBe(due);
  });

  it('at once or within 15 minutes after the clock was set back, whatever the pause was', () => {
    for (let times = 1; times < 12; times++) {
      const late = failedTimes(times).subjects[SUBJECT]!;
      for (const back of [1_000, 10 * MINUTE, 60 * MINUTE, 999 * MINUTE]) {
        const due = [NOW - back, NOW - back + 15 * MINUTE].map((now) => isDue(late, 'c1', now));
        expect(due).toContain(true);
      }
    }
  });
});

describe('content', () => {
  const failure = { code: 'hook-failed', subject: SUBJECT, at: '2026-11-20T12:00:00.000Z' };
  const fail = (times: number, digest: string, content: book.ContentRecord): book.ContentRecord => {
    let record = content;
    for (let time = 0; time < times; time++) record = contentFailed(record, digest, failure);
    return record;
  };

  it.each<[string, book.ContentRecord, number, book.ContentRecord]>([
    ['twice', { proven: 'a', setAside: {} }, 2, { proven: 'a', failing: { digest: 'b', rounds: 2 }, setAside: {} }],
    ['three times', { proven: 'a', setAside: {} }, 3, { proven: 'a', setAside: { b: failure } }],
    ['nothing proven', { setAside: {} }, 9, { failing: { digest: 'b', rounds: 9 }, setAside: {} }],
    [
      'itself proven',
      { proven: 'b', setAside: {} },
      9,
      { proven: 'b', failing: { digest: 'b', rounds: 9 }, setAside: {} },
    ],
    [
      'another failed',
      { proven: 'a', failing: { digest: 'x', rounds: 2 }, setAside: {} },
      1,
      { proven: 'a', failing: { digest: 'b', rounds: 1 }, setAside: {} },
    ],
  ])('failed %s', (_case, before, times, after) => {
    expect(fail(times, 'b', before)).toEqual(after);
  });

  it('proven content ends the count and keeps what was set aside, the last twenty of it', () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`d${index}`, failure]));
    const proven = contentProven({ proven: 'a', failing: { digest: 'b', rounds: 2 }, setAside: many }, 'b');
    expect(proven).toMatchObject({ proven: 'b' });
    expect(proven.failing).toBeUndefined();
    expect(Object.keys(proven.setAside)).toEqual(Object.keys(many).slice(-20));
  });

  const bucket = snapshotOf({ 'haulout.ini': 'new' });
  const proven = snapshotOf({ 'haulout.ini': 'old' });
  const aside = { setAside: { [bucket.digest]: failure } };
  it.each([
    // content record, bucket, proven, chosen
    ['readable', { setAside: {} }, bucket, proven, 'bucket'],
    ['readable, nothing proven', { setAside: {} }, bucket, undefined, 'bucket'],
    ['set aside', aside, bucket, proven, 'proven'],
    ['set aside, proven lost', aside, bucket, undefined, 'bucket'],
    ['no news', { setAside: {} }, undefined, proven, 'proven'],
    ['no news, nothing proven', { setAside: {} }, undefined, undefined, undefined],
    ['another one set aside', { setAside: { other: failure } }, bucket, proven, 'bucket'],
  ] as const)('the choice: %s', (_case, content, candidate, last, choice) => {
    const chosen = chooseContent(content, candidate, last, NOW);
    expect(chosen?.choice).toBe(choice);
    expect(chosen?.snapshot).toBe(choice === 'bucket' ? bucket : choice && proven);
  });

  const HOUR = 3_600_000;
  it.each([
    // code, how long ago, set aside
    ['check-failed', 0, true],
    ['check-failed', 100 * HOUR, true],
    ['packages-failed', HOUR - 1, true],
    ['packages-failed', HOUR, false],
    ['packages-timeout', 2 * HOUR, false],
    ['packages-failed', -HOUR, false],
  ])('content that failed with %s, %i ms ago, is given up: %s', (code, ago, aside) => {
    const at = new Date(NOW - ago).toISOString();
    expect(isSetAside({ setAside: { d: { at, code, subject: 'package:nginx' } } }, 'd', NOW)).toBe(aside);
    expect(isSetAside({ setAside: {} }, 'd', NOW)).toBe(false);
  });
});
