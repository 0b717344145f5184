import { describe, expect, it } from 'vitest';
import {
  type Announced,
  activated,
  failed,
  type Ledger,
  type SubjectRecord,
  withSubjects,
} from '../../src/ledger/ledger.ts';
import { makePlan } from '../../src/plan/plan.ts';
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

describe('a section that is to be absent', () => {
  const ABSENT = specOf({ registrations: [registerSpec('monitor', { state: 'absent' })] });
  const planned = (ledger: Ledger, now = NOW) => makePlan(inputOf({ spec: ABSENT, ledger, now }));

  it.each([
    ['announced', known()],
    ['announced, as an older agent wrote it down', activated('d1')],
    ['never heard, or only half', { wanted: 'active' }],
  ] as const)('is taken out where it is %s', (_case, record) => {
    expect(planned(ledgerWith(record))).toMatchObject({
      steps: [{ subject: SUBJECT, do: 'withdraw', registration: 'monitor' }],
      waiting: [],
    });
  });

  it('asks for nothing where nothing is known of it', () => {
    expect(planned(ledgerOf())).toEqual({ steps: [], waiting: [] });
  });

  it('waits for its next try as others do', () => {
    const failure = { wanted: 'd1', code: 'x', content: snapshotOf().digest, now: NOW };
    const ledger = failed(ledgerWith(known()), SUBJECT, failure);
    expect(planned(ledger)).toMatchObject({ steps: [], waiting: [{ subject: SUBJECT, failures: 1 }] });
    expect(planned(ledger, NOW + 5_000).steps).toMatchObject([{ do: 'withdraw' }]);
  });

  it('goes before what is announced: it may be the same place under another name', () => {
    const spec = specOf({ registrations: [registerSpec('central'), ...ABSENT.registrations] });
    const facts = factsOf({ registrations: { central: 'd' } });
    const { steps } = makePlan(inputOf({ spec, facts, ledger: ledgerWith(known()) }));
    expect(steps.map((step) => `${step.do} ${step.subject}`)).toEqual([
      `withdraw ${SUBJECT}`,
      'register register:central',
    ]);
  });
});

it('law 3: what the spec does not name is left alone, an announcement too', () => {
  const subjects = ['job:a', 'service:a', 'file:/a', SUBJECT].map((key) => [key, activated('x')] as const);
  expect(makePlan(inputOf({ ledger: withSubjects(ledgerOf(), subjects) }))).toEqual({ steps: [], waiting: [] });
});
