import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Registrar, withdrawals } from '../../src/agent/registrar.ts';
import { registrationDigests } from '../../src/apply/registrations.ts';
import { failed, type Ledger } from '../../src/ledger/ledger.ts';
import { makePlan } from '../../src/plan/plan.ts';
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
      if (step.do !== 'register' && step.do !== 'withdraw') throw new Error(step.do);
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
  it('is taken out where it is to be absent, and then nothing is known of it', async () => {
    const { round, known, line, heard } = await machine();
    const monitor = registerSpec('monitor', { up: line('up'), down: line('down'), user: 'root', timeoutMs: 7_000 });
    expect(await round([monitor])).toMatchObject({ did: ['register'] });
    expect(known().subjects[SUBJECT]?.announced).toEqual({ down: monitor.down, user: 'root', timeoutMs: 7_000 });
    expect(await round([monitor])).toMatchObject({ did: [] });
    expect(await round([{ ...monitor, state: 'absent' }])).toMatchObject({ did: ['withdraw'], said: [] });
    expect(await round([{ ...monitor, state: 'absent' }])).toMatchObject({ did: [] });
    expect(known().subjects).toEqual({});
    expect(heard()).toEqual(['up root', 'down root']);
  });

  it('stays where its section is gone, and is known as it was announced', async () => {
    const { round, known, line, heard } = await machine();
    const monitor = registerSpec('monitor', { up: line('up'), down: line('down'), user: 'root' });
    await round([monitor]);
    expect(await round([])).toMatchObject({ did: [] });
    expect(known().subjects[SUBJECT]?.announced).toMatchObject({ down: monitor.down });
    expect(await round([monitor])).toMatchObject({ did: [] });
    expect(heard()).toEqual(['up root']);
  });

  it('is tried again until it is heard, by the line that the spec has by now', async () => {
    const { round, pass, line, heard } = await machine();
    const monitor = registerSpec('monitor', { up: line('up'), down: line('wrong', 22), user: 'root' });
    const absent = { ...monitor, state: 'absent' as const };
    await round([monitor]);
    expect((await round([absent])).did).toEqual(['withdraw', 'register-failed']);
    expect((await round([absent])).did).toEqual([]); // in its pause
    pass(5_000);
    expect((await round([absent])).did).toEqual(['withdraw', 'register-failed']);
    pass(10_000);
    // The old line once more, because it is another one now; then the one that helps.
    expect((await round([{ ...absent, down: line('right') }])).did).toEqual(['withdraw']);
    expect(heard()).toEqual(['up root', 'wrong root', 'wrong root', 'wrong root', 'right root']);
  });

  it('is announced anew where that is wanted before `down` was heard', async () => {
    const { round, pass, line, heard, known } = await machine();
    const monitor = registerSpec('monitor', { up: line('up'), down: line('down', 1), user: 'root' });
    await round([monitor]);
    await round([{ ...monitor, state: 'absent' }]);
    pass(5_000);
    expect((await round([monitor])).did).toEqual(['register']);
    expect(heard()).toEqual(['up root', 'down root', 'up root']);
    expect(known().subjects[SUBJECT]).not.toHaveProperty('failures');
  });

  it('counts a line that cannot even begin: it has a user that nobody knows', async () => {
    const { round, line } = await machine();
    const monitor = registerSpec('monitor', { up: line('up'), down: line('down'), user: 'root' });
    await round([monitor]);
    const absent = { ...monitor, state: 'absent' as const, user: 'haulout-nobody-here' };
    expect((await round([absent])).did).toEqual(['withdraw', 'user-unknown']);
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

it('a goodbye takes out what the spec announces, and what is announced beside it', () => {
  const monitor = registerSpec('monitor');
  const announced = { down: 'down monitor', user: 'nobody', timeoutMs: 1 };
  const record = (more: object) => ({ wanted: 'd', announced: { ...announced, ...more } });
  const known = (subjects: Ledger['subjects']) => withdrawals([monitor], ledgerOf({ subjects }));
  expect(known({ [SUBJECT]: record({}), 'service:web': { wanted: 'running' } })).toEqual([monitor]);
  expect(known({ [SUBJECT]: record({ down: 'old' }) })).toMatchObject([monitor, { id: 'monitor', down: 'old' }]);
  expect(known({ 'register:gone': record({}) })).toMatchObject([monitor, { id: 'gone', down: 'down monitor' }]);
  const absent = registerSpec('monitor', { state: 'absent' });
  expect(withdrawals([absent], ledgerOf())).toEqual([]);
  expect(withdrawals([absent], ledgerOf({ subjects: { [SUBJECT]: record({}) } }))).toMatchObject([{ id: 'monitor' }]);
  expect(withdrawals([monitor], undefined)).toEqual([monitor]);
});
