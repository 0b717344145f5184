import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keepLedger, withoutLedger } from '../../src/agent/keep-ledger.ts';
import type { World } from '../../src/agent/world.ts';
import { activated, emptyLedger, withSubjects } from '../../src/ledger/ledger.ts';
import { StateFiles } from '../../src/ledger/state-files.ts';
import type { Phase, Step } from '../../src/plan/step.ts';
import { scratch } from '../support/scratch.ts';

/** A disk that takes nothing: its error, as the file system words it. */
class FullDisk extends StateFiles {
  full = true;

  override async writeText(name: string, text: string, sync?: boolean): Promise<void> {
    if (this.full) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    await super.writeText(name, text, sync);
  }
}

const worldOf = (state: StateFiles) => ({ state, paths: { state: state.directory } }) as unknown as World;
const ledger = withSubjects(emptyLedger('i-1'), [['service:web', activated('running')]]);

it('a ledger that the disk does not take is a trouble to tell, and is in force until it does', async () => {
  const state = new FullDisk(join(scratch(), 'state'));
  expect(await keepLedger(worldOf(state), ledger)).toMatchObject({ code: 'disk-full', step: 'ledger' });
  expect(await state.readLedger('i-1')).toEqual(ledger);
  expect(await state.readLedger('i-2')).toEqual(emptyLedger('i-2'));
  expect(await new StateFiles(state.directory).readLedger('i-1')).toEqual(emptyLedger('i-1'));
  state.full = false;
  expect(await keepLedger(worldOf(state), ledger)).toBeUndefined();
  expect(await new StateFiles(state.directory).readLedger('i-1')).toEqual(ledger);
  writeFileSync(join(state.directory, 'ledger.json'), 'torn');
  expect(await state.readLedger('i-1')).toEqual(emptyLedger('i-1'));
});

it('any other trouble with it ends the round', async () => {
  const state = new FullDisk(scratch());
  state.writeText = () => Promise.reject(Object.assign(new Error('odd'), { code: 'EMFILE' }));
  await expect(keepLedger(worldOf(state), ledger)).rejects.toThrow('odd');
});

it('without a ledger only what is down is started: nothing that changed restarts a service', () => {
  const activate = (
    phases: readonly Phase[],
    changed: Extract<Step, { do: 'activate-service' }>['changed'] = [],
  ): Step => ({
    subject: 'service:web',
    why: 'w',
    do: 'activate-service',
    service: 'web',
    phases,
    changed,
  });
  const down = activate(['validate', 'start', 'check']);
  const steps: Step[] = [
    { subject: 'package:*', why: 'w', do: 'upgrade-packages' },
    { subject: 'file:/a', why: 'w', do: 'remove-file', path: '/a', heldFor: [] },
    { subject: 'service:b', why: 'w', do: 'stop-service', service: 'b', remove: true },
    activate(['configure', 'start', 'check']),
    activate(['stop', 'swap-image', 'configure', 'start', 'check']),
    activate(['start', 'check'], [{ subject: 'file:/a', before: '1', after: '2' }]),
    activate(['reload', 'check']),
    down,
  ];
  expect(withoutLedger({ steps, waiting: [] })).toEqual({ steps: [down], waiting: [] });
});
