import { describe, expect, it } from 'vitest';
import { type Announced, activated, failed, type SubjectRecord, withSubjects } from '../../src/ledger/ledger.ts';
import { makePlan } from '../../src/plan/plan.ts';
import { MOST_TRIES } from '../../src/plan/registrations.ts';
import { factsOf, inputOf, ledgerOf, NOW, registerSpec, snapshotOf, specOf } from '../support/planned.ts';

const SUBJECT = 'register:monitor';
const WITH = specOf({ registrations: [registerSpec('monitor')] });
const known = (announced?: Partial<Announced>): SubjectRecord => ({
  ...activated('d1'),
  announced: { down: 'down', user: 'nobody', timeoutMs: 1, ...announced },
});
const ledgerWith = (record: SubjectRecord) => ledgerOf({ subjects: { [SUBJECT]: record } });

describe('a section that is there', () => {
  const planned = (record: SubjectRecord | undefined, period?: number) => {
    const periods: Record<string, number> = period === undefined ? {} : { monitor: period };
    const facts = factsOf({ registrations: { monitor: 'd1' }, periods });
    const ledger = record ? ledgerWith(record) : ledgerOf();
    return makePlan(inputOf({ spec: WITH, facts, ledger })).steps;
  };

  it.each([
    // what is known of it, period now, why, renewal
    ['never announced', undefined, undefined, 'it is not announced yet', false],
    ['announced', known(), undefined, undefined, false],
    ['announced, as an older agent wrote it down', activated('d1'), undefined, undefined, false],
    ['another', { ...known(), activated: 'd0' }, undefined, 'this boot, an address or its section', false],
    ['another, in another period', { ...known({ period: 6 }), activated: 'd0' }, 7, 'this boot, an address', false],
    ['announced in this period', known({ period: 7 }), 7, undefined, false],
    ['announced in an earlier period', known({ period: 6 }), 7, 'the time of `renew` is over', true],
    [
      'announced in a later one, by a clock that was wrong',
      known({ period: 8 }),
      7,
      'the time of `renew` is over',
      true,
    ],
    ['announced, with nothing known of a period (the desk)', known({ period: 6 }), undefined, undefined, false],
  ] as const)('%s', (_case, record, period, why, renewal) => {
    const steps = planned(record, period);
    if (why === undefined) return expect(steps).toEqual([]);
    expect(steps).toMatchObject([{ subject: SUBJECT, do: 'register', registration: 'monitor', renewal }]);
    expect(steps[0]?.why).toContain(why);
  });
});

describe('a section that is gone', () => {
  const planned = (record: SubjectRecord, now = NOW) => makePlan(inputOf({ ledger: ledgerWith(record), now }));

  it.each([
    ['withdraw', 'with a line to run', known()],
    ['withdraw', 'tried a few times', known({ tries: MOST_TRIES - 1 })],
    ['forget', 'tried too often', known({ tries: MOST_TRIES })],
    ['forget', 'without `down`', { ...known(), announced: { user: 'nobody', timeoutMs: 1 } }],
    ['forget', 'as an older agent wrote it down', activated('d1')],
    ['forget', 'never heard', { wanted: 'active' }],
    ['forget', 'no record at all, as a host may write it for the desk', null as unknown as SubjectRecord],
  ] as const)('%s: %s', (word, _case, record) => {
    expect(planned(record)).toMatchObject({
      steps: [{ subject: SUBJECT, do: word, registration: 'monitor' }],
      waiting: [],
    });
  });

  it('waits for its next try as others do; what is given up waits for nothing', () => {
    const failing = (record: SubjectRecord) =>
      failed(ledgerWith(record), SUBJECT, { wanted: 'd1', code: 'x', content: snapshotOf().digest, now: NOW });
    const at = (record: SubjectRecord, now: number) => makePlan(inputOf({ ledger: failing(record), now }));
    expect(at(known({ tries: 1 }), NOW)).toMatchObject({ steps: [], waiting: [{ subject: SUBJECT, failures: 1 }] });
    expect(at(known({ tries: 1 }), NOW + 5_000).steps).toMatchObject([{ do: 'withdraw' }]);
    expect(at(known({ tries: MOST_TRIES }), NOW)).toMatchObject({ steps: [{ do: 'forget' }], waiting: [] });
  });

  it('goes before what is announced: it may be the same place under another name', () => {
    const spec = specOf({ registrations: [registerSpec('central')] });
    const facts = factsOf({ registrations: { central: 'd' } });
    const { steps } = makePlan(inputOf({ spec, facts, ledger: ledgerWith(known()) }));
    expect(steps.map((step) => `${step.do} ${step.subject}`)).toEqual([
      `withdraw ${SUBJECT}`,
      'register register:central',
    ]);
  });

  it('is nobody else: jobs and services that the spec does not name are left alone', () => {
    const ledger = withSubjects(
      ledgerOf(),
      ['job:a', 'service:a', 'file:/a'].map((key) => [key, activated('x')]),
    );
    expect(makePlan(inputOf({ ledger }))).toEqual({ steps: [], waiting: [] });
  });
});
