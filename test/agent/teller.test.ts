import { describe, expect, it } from 'vitest';
import { blankStatus, readStatus, writeStatus } from '../../src/agent/status-file.ts';
import { Teller } from '../../src/agent/teller.ts';
import { StatusUpload } from '../../src/agent/upload.ts';
import { StateFiles } from '../../src/ledger/state-files.ts';
import { lineLog } from '../../src/lib/log.ts';
import type { Identity } from '../../src/metadata/provider.ts';
import type { Status } from '../../src/status/status.ts';
import { scratch } from '../support/scratch.ts';
import { SteppedClock } from '../support/stepped-clock.ts';

const AT = '2026-11-20T09:00:00.000Z';
const OWN = 'i-0a11ce00000000001';
const OTHER = 'i-0a11ce00000000002';
const ACTIVE = 'a'.repeat(64);

const lease = (generation: number) => ({ generation, expires: AT, state: 'active' as const });
const statusOf = (instanceId: string, generation: number): Status => ({
  ...blankStatus('web', instanceId, AT),
  lease: lease(generation),
  health: 'healthy',
  content: { active: ACTIVE },
  services: [{ id: 'app', state: 'stopped' }],
  notes: ['of then'],
});

/** An agent in its second boot, that finds this on its disk; and what it tells before its first round has ended. */
async function tellsAfter(found: Status | undefined): Promise<{ status: Status; keys: string[] }> {
  const state = new StateFiles(scratch());
  const log = lineLog(() => undefined);
  if (found) await writeStatus(state, found, log);
  const clock = new SteppedClock();
  const keys: string[] = [];
  const settings = { state: { bucket: 'b', prefix: '.haulout' }, role: 'web' };
  const objects = () => ({ put: async (key: string) => void keys.push(key) });
  const credentials = async () => ({ accessKeyId: 'a', secretAccessKey: 's' });
  const upload = new StatusUpload({ log, clock, settings, objects, credentials });
  const presence = { told: () => ({ lease: lease(2) }) };
  const identity = () => ({ instanceId: OWN }) as Identity;
  await new Teller({ state, log, clock, role: 'web', presence, upload, identity }).retell((status) => status);
  return { status: (await readStatus(state.directory))!, keys };
}

describe('what is told before the first round has ended', () => {
  it('is what the last round said, after a restart of the agent', async () => {
    const { status, keys } = await tellsAfter(statusOf(OWN, 2));
    expect(status).toMatchObject({ health: 'healthy', services: [{ id: 'app' }], notes: ['of then'] });
    expect(keys).toEqual([`.haulout/instances/web/${OWN}.json`]);
  });

  it('is not how the machine was before it was started again', async () => {
    const { status } = await tellsAfter(statusOf(OWN, 1));
    expect(status).toMatchObject({ health: 'converging', content: { active: ACTIVE }, lease: lease(2) });
    expect([status.services, status.notes]).toEqual([[], []]);
  });

  it.each([
    ['there is nothing', undefined],
    ['it was copied from the disk of another machine', statusOf(OTHER, 2)],
  ])('is of this machine alone, where %s', async (_, found) => {
    const { status, keys } = await tellsAfter(found);
    expect(status).toMatchObject({ instanceId: OWN, health: 'converging', content: {}, services: [] });
    expect(keys).toEqual([`.haulout/instances/web/${OWN}.json`]);
  });
});
