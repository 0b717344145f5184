import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Registrar, withdrawals } from '../../src/agent/registrar.ts';
import { registrationDigests } from '../../src/apply/registrations.ts';
import { failed, type Ledger } from '../../src/ledger/ledger.ts';
import { makePlan } from '../../src/plan/plan.ts';
import { MOST_TRIES } from '../../src/plan/registrations.ts';
import type { RegisterSpec } from '../../src/spec/spec.ts';
import { containmentOf } from '../support/containments.ts';
import { describeWith, root } from '../support/needs.ts';
import { factsOf, inputOf, ledgerOf, NOW, registerSpec, snapshotOf, specOf } from '../support/planned.ts';
import { scratch } from '../support/scratch.ts';

const SUBJECT = 'register:monitor';
const ADDRESSES = { localIpv4: '10.0.0.1', publicIpv4: '' };

/** Rounds of a machine that has nothing but registrations, as carry-out has them; their lines write down that they ran. */
async function machine() {
  const notebook = join(scratch(), 'said');
  const containment = await containmentOf('scan', `haulout-registrar-${process.pid}`);
  const registrar = new Registrar({ containment, instanceId: 'i-1', role: 'web', logs: scratch() }, () => undefined);
  let ledger = ledgerOf();
  let now = NOW;

  /** One round with these sections; what it did, what it noted, and the pause that follows where something failed. */
  const round = async (registrations: readonly RegisterSpec[]) => {
    const spec = specOf({ registrations });
    const facts = factsOf({ registrations: registrationDigests(spec, ADDRESSES, 'boot') });
    const did: string[] = [];
    const said: string[] = [];
    for (const step of makePlan(inputOf({ spec, facts, ledger, now })).steps) {
      if (step.do !== 'register' && step.do !== 'withdraw' && step.do !== 'forget') throw new Error(step.do);
      const taken = await registrar.take(step, { spec, facts, ledger });
      ledger = taken.ledger;
      did.push(step.do);
      said.push(...taken.notes);
      const { failure } = taken;
      if (!failure) continue;
      did.push(failure.trouble.code);
      const wanted = ledger.subjects[step.subject]?.wanted ?? 'active';
      ledger = failed(ledger, step.subject, { wanted, code: failure.trouble.code, content: snapshotOf().digest, now });
    }
    const next = Object.values(ledger.subjects).map(({ failures }) => failures?.nextTry ?? 0);
    return { did, said, pauseMs: Math.max(0, ...next) - now };
  };
  return {
    round,
    pass: (ms: number) => {
      now += ms;
    },
    known: (): Ledger => ledger,
    line: (words: string, code = 0) => `echo "${words} $USER" >> ${notebook}; exit ${code}`,
    heard: () => (existsSync(notebook) ? readFileSync(notebook, 'utf8').trimEnd().split('\n') : []),
  };
}

describeWith([root], 'what was announced', () => {
  it('is taken out as it was announced, by the same user, when its section is gone, and then forgotten', async () => {
    const { round, known, line, heard } = await machine();
    const monitor = registerSpec('monitor', { up: line('up'), down: line('down'), user: 'root', timeoutMs: 7_000 });
    expect(await round([monitor])).toMatchObject({ did: ['register'] });
    expect(known().subjects[SUBJECT]?.announced).toEqual({ down: monitor.down, user: 'root', timeoutMs: 7_000 });
    expect(await round([monitor])).toMatchObject({ did: [] });
    expect(await round([])).toMatchObject({ did: ['withdraw'], said: [] });
    expect(heard()).toEqual(['up root', 'down root']);
    expect(known().subjects).toEqual({});
    expect(await round([])).toMatchObject({ did: [] });
  });

  it('is only forgotten where it has no `down`, or was never heard', async () => {
    const { round, known, line, heard } = await machine();
    const quiet = registerSpec('quiet', { up: line('up'), down: undefined, user: 'root' });
    const deaf = registerSpec('deaf', { up: line('deaf', 1), down: line('never'), user: 'root' });
    expect(await round([quiet, deaf])).toMatchObject({ did: ['register', 'register', 'register-failed'] });
    expect(await round([])).toMatchObject({ did: ['forget', 'forget'], said: [] });
    expect(heard()).toEqual(['up root', 'deaf root']);
    expect(known().subjects).toEqual({});
  });

  it(`is given up after ${MOST_TRIES} tries, within two hours, and that is said`, async () => {
    const { round, pass, known, line, heard } = await machine();
    const monitor = registerSpec('monitor', { up: line('up'), down: line('down', 22), user: 'root' });
    await round([monitor]);
    let waitedMs = 0;
    for (let tries = 1; tries <= MOST_TRIES; tries++) {
      const { did, said, pauseMs } = await round([]);
      expect({ did, said }).toEqual({ did: ['withdraw', 'register-failed'], said: [] });
      if (tries === MOST_TRIES) break;
      pass(pauseMs - 1);
      expect((await round([])).did).toEqual([]);
      pass(1);
      waitedMs += pauseMs;
    }
    expect(waitedMs).toBeGreaterThan(30 * 60_000);
    expect(waitedMs).toBeLessThan(120 * 60_000);
    const { did, said } = await round([]);
    expect(did).toEqual(['forget']);
    expect(said).toEqual([expect.stringMatching(/^register:monitor: .*12 times \(register-failed\).*by hand$/)]);
    expect(heard()).toHaveLength(1 + MOST_TRIES);
    expect(known().subjects).toEqual({});
    expect((await round([])).did).toEqual([]);
  });

  it('counts a `down` that cannot even begin: its user went with its section', async () => {
    const { round, known, line } = await machine();
    const monitor = registerSpec('monitor', { up: line('up'), down: line('down'), user: 'root' });
    await round([monitor]);
    Object.assign(known().subjects[SUBJECT]!.announced!, { user: 'haulout-nobody-here' });
    expect((await round([])).did).toEqual(['withdraw', 'user-unknown']);
    expect(known().subjects[SUBJECT]?.announced?.tries).toBe(1);
  });

  it('is announced anew where its section comes back before `down` was heard', async () => {
    const { round, pass, line, heard, known } = await machine();
    const monitor = registerSpec('monitor', { up: line('up'), down: line('down', 1), user: 'root' });
    await round([monitor]);
    await round([]);
    expect((await round([monitor])).did).toEqual([]); // in its pause
    pass(5_000);
    expect((await round([monitor])).did).toEqual(['register']);
    expect(heard()).toEqual(['up root', 'down root', 'up root']);
    expect(known().subjects[SUBJECT]).not.toHaveProperty('failures');
    expect(known().subjects[SUBJECT]?.announced?.tries).toBeUndefined();
  });

  it('hears the old `down` before the new `up` where `down` is another, once, and goes on where it is not heard', async () => {
    const { round, pass, line, heard } = await machine();
    const at = (place: string, up = 0, down = 0) =>
      registerSpec('monitor', { up: line(`up ${place}`, up), down: line(`down ${place}`, down), user: 'root' });
    await round([at('a')]);
    expect(await round([{ ...at('a'), up: line('up a again') }])).toMatchObject({ did: ['register'], said: [] });
    expect(await round([at('b', 1, 3)])).toMatchObject({ did: ['register', 'register-failed'], said: [] });
    pass(5_000);
    expect(await round([at('b', 0, 3)])).toMatchObject({ did: ['register'], said: [] });
    const { did, said } = await round([at('c')]);
    expect(did).toEqual(['register']);
    expect(said).toEqual(['register:monitor: its old place did not hear that it leaves: `down` ended with 3']);
    expect(heard().map((words) => words.replace(' root', ''))).toEqual([
      'up a',
      'up a again',
      'down a',
      'up b',
      'up b',
      'down b',
      'up c',
    ]);
  });
});

it('a goodbye takes out what the spec names, and what is announced beside it', () => {
  const monitor = registerSpec('monitor');
  const announced = { down: 'down monitor', user: 'nobody', timeoutMs: 1 };
  const record = (more: object) => ({ wanted: 'd', announced: { ...announced, ...more } });
  const known = (subjects: Ledger['subjects']) => withdrawals([monitor], ledgerOf({ subjects }));
  expect(known({ [SUBJECT]: record({}), 'service:web': { wanted: 'running' } })).toEqual([monitor]);
  expect(known({ [SUBJECT]: record({ down: 'old' }) })).toMatchObject([monitor, { id: 'monitor', down: 'old' }]);
  expect(known({ 'register:gone': record({ tries: 2 }) })).toMatchObject([
    monitor,
    { id: 'gone', down: 'down monitor' },
  ]);
  expect(withdrawals([monitor], undefined)).toEqual([monitor]);
});
