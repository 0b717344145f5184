import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { placeOf } from '../../src/cli/fleet/place.ts';
import { watchFollowers } from '../../src/cli/push/watch.ts';
import { VirtualClock } from '../support/clock.ts';
import { fleetStore, NEW, NOW, OLD, statusOf } from '../support/fleet.ts';
import { readerAt } from '../support/readers.ts';
import { writeRole } from '../support/role-files.ts';
import { scratch } from '../support/scratch.ts';

const FIRST = 'i-0a11ce00000000001';
const SECOND = 'i-0a11ce00000000002';
const followed = { content: { wanted: NEW, active: NEW } };
const spot = { kind: 'spot', heard: new Date(NOW).toISOString() } as const;

/** The instances of a fleet, and a desk that has pushed NEW; what happens meanwhile, by seconds after the push. */
async function watched(
  meanwhile: Readonly<Record<number, (store: Awaited<ReturnType<typeof fleetStore>>) => unknown>>,
) {
  const store = await fleetStore([statusOf(FIRST), statusOf(SECOND)]);
  onTestFinished(() => store.close());
  const clock = new VirtualClock();
  for (const [seconds, act] of Object.entries(meanwhile)) clock.at(Number(seconds) * 1_000, () => act(store));
  const reader = readerAt(store.url, { bucket: 'my-bucket' });
  const place = placeOf({ bucket: 'my-bucket', prefix: '.haulout' }, 'planet', reader);
  const goal = { digest: NEW, since: NOW };
  const found = await watchFollowers(place, goal, { clock, timeoutMs: 1_800_000, say: () => undefined });
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

it('whose status cannot be read is named: of a newer agent, or torn', async () => {
  const store = await fleetStore([statusOf(FIRST)]);
  onTestFinished(() => store.close());
  await store.put(`planet/${SECOND}.json`, JSON.stringify({ ...statusOf(SECOND), schema: 2 }));
  const directory = writeRole(join(scratch(), 'planet'), { 'haulout.ini': '[haulout]\nversion = 1\n' });
  const { stderr, stdout } = await store.run('push', directory, 's3://my-bucket/planet', '--timeout', '0s', '--json');
  expect(stderr).toContain(`planet/${SECOND}.json cannot be read, nor waited for: it was written by a newer haulout`);
  expect(JSON.parse(stdout)).toMatchObject({ unreadable: [{ path: `planet/${SECOND}.json` }] });
});
