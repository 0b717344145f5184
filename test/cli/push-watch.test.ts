import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { placeOf } from '../../src/cli/fleet/place.ts';
import { watchFollowers } from '../../src/cli/push/watch.ts';
import { VirtualClock } from '../support/clock.ts';
import { fleetStore, NEW, NOW, OLD, statusOf } from '../support/fleet.ts';
import { readerAt, rejection } from '../support/readers.ts';
import { writeRole } from '../support/role-files.ts';
import { scratch } from '../support/scratch.ts';

const TIMEOUT_MS = 1_200_000;
const FIRST = 'i-0a11ce00000000001';
const SECOND = 'i-0a11ce00000000002';
const followed = { content: { wanted: NEW, active: NEW } };
const spot = { kind: 'spot', heard: new Date(NOW).toISOString() } as const;

/** The instances of a fleet, and a desk that has pushed NEW; what happens meanwhile, by seconds after the push. */
async function watched(
  meanwhile: Readonly<Record<number, (store: Awaited<ReturnType<typeof fleetStore>>) => unknown>>,
  options: Parameters<typeof fleetStore>[1] = {},
) {
  const store = await fleetStore([statusOf(FIRST), statusOf(SECOND)], options);
  onTestFinished(() => store.close());
  const clock = new VirtualClock();
  for (const [seconds, act] of Object.entries(meanwhile)) clock.at(Number(seconds) * 1_000, () => act(store));
  const reader = readerAt(store.url, { bucket: 'my-bucket' });
  const place = placeOf({ bucket: 'my-bucket', prefix: '.haulout' }, 'planet', reader);
  const goal = { digest: NEW, since: NOW };
  const found = await watchFollowers(place, goal, { clock, timeoutMs: TIMEOUT_MS, say: () => undefined });
  return { ...found, seconds: Math.round(clock.elapsed() / 1_000) };
}

const states = ({ followers }: Awaited<ReturnType<typeof watched>>) =>
  Object.fromEntries(followers.map(({ instanceId, following }) => [instanceId, following.state]));

it('who is lost after the push has not followed it', async () => {
  const found = await watched({
    5: (store) => store.tell(statusOf(FIRST, followed)),
    900: (store) => store.pass(900_000),
  });
  expect([states(found), found.lost]).toEqual([{ [FIRST]: 'followed', [SECOND]: 'lost' }, []]);
  expect(found.seconds).toBeLessThan(910);
});

it('who is leaving, before or meanwhile, takes nothing up any more, and is not waited for', async () => {
  const found = await watched({
    5: (store) => store.tell(statusOf(FIRST, followed)),
    7: (store) => {
      const lease = { generation: 1, expires: new Date(NOW + 600_000).toISOString(), state: 'draining', notice: spot };
      return store.tell(statusOf(SECOND, { content: { wanted: OLD, active: OLD }, lease } as object));
    },
  });
  expect([states(found), found.leaving]).toEqual([{ [FIRST]: 'followed' }, [SECOND]]);
  expect(found.seconds).toBeLessThan(15);
});

it('a store that is away for a while ends no watch; one that does not come back ends it with its own word', async () => {
  let isAway = false;
  const faults = () => (isAway ? ({ status: 503, code: 'SlowDown' } as const) : undefined);
  const away = (is: boolean) => () => {
    isAway = is;
  };
  const both = async (store: Awaited<ReturnType<typeof fleetStore>>) => {
    for (const id of [FIRST, SECOND]) await store.tell(statusOf(id, followed));
  };
  const found = await watched({ 3: away(true), 40: away(false), 45: both }, { faults });
  expect(states(found)).toEqual({ [FIRST]: 'followed', [SECOND]: 'followed' });
  expect(await rejection(watched({ 3: away(true) }, { faults }))).toMatchObject({ code: 's3-SlowDown' });
  expect(await rejection(watched({}, { faults }))).toMatchObject({ code: 's3-SlowDown' }); // at the first look already
});

it('whose status cannot be read is named: of a newer agent, or torn', async () => {
  const store = await fleetStore([statusOf(FIRST)]);
  onTestFinished(() => store.close());
  await store.put(`planet/${SECOND}.json`, JSON.stringify({ ...statusOf(SECOND), schema: 2 }));
  const directory = writeRole(join(scratch(), 'planet'), { 'haulout.ini': '[haulout]\nversion = 1\n' });
  const { stderr, stdout } = await store.run('push', directory, 's3://my-bucket/planet', '--timeout', '0s', '--json');
  expect(stderr).toContain(`planet/${SECOND}.json cannot be read, nor waited for: it was written by a newer haulout`);
  expect(JSON.parse(stdout)).toMatchObject({ unreadable: [{ path: `planet/${SECOND}.json` }] });
});
