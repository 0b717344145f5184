import type { Clock } from '../../lib/clock.ts';
import { formatDuration } from '../../lib/duration.ts';
import { asTrouble } from '../../lib/errors.ts';
import type { Place } from '../fleet/place.ts';
import { FleetReader, type FleetView } from '../fleet/read-fleet.ts';
import { type Condition, conditionOf, type Unreadable } from '../fleet/row.ts';
import { type Following, followingOf, type Goal } from './followers.ts';

/** An instance of the role, and what it has made of the push so far. */
export interface Follower {
  readonly instanceId: string;
  readonly following: Following;
}

export interface Watched {
  readonly followers: readonly Follower[];
  /** Those whose lease had run out before, and those that have notice to leave: nobody waits for them. */
  readonly lost: readonly string[];
  readonly leaving: readonly string[];
  /** Of whom nothing is known: objects of the role that are no status, as far as this haulout can tell. */
  readonly unreadable: readonly Unreadable[];
}

const LOOK_MS = 1_000;

/** Waits until every instance of the role has followed or given up, or the time is over; tells each change. */
export async function watchFollowers(
  place: Place,
  goal: Goal,
  how: { readonly clock: Clock; readonly timeoutMs: number; readonly say: (words: string) => void },
): Promise<Watched> {
  const { clock, say } = how;
  const found = new Map<string, Following>();
  const fleet = new FleetReader(place, (row, status) => {
    const following = followingOf(status, goal);
    tellChange(row.instanceId, found.get(row.instanceId), following, say);
    found.set(row.instanceId, following);
  });
  /** Who was there at a look, and so is asked after: whoever is lost from then on has not followed. */
  const there = new Set<string>();
  const deadline = clock.elapsed() + how.timeoutMs;
  let isAway: boolean | undefined;
  /** A store that was there, and is away for a while, ends no watch: machines may follow meanwhile. */
  const look = async (): Promise<FleetView> => {
    for (;;) {
      try {
        const view = await fleet.look();
        isAway = false;
        return view;
      } catch (error) {
        if (isAway === undefined || clock.elapsed() > deadline) throw error;
        const { subject, reason } = asTrouble(error, 'bucket', place.text);
        if (!isAway) say(`${subject}: ${reason}; it is asked again`);
        isAway = true;
        await clock.sleep(LOOK_MS);
      }
    }
  };
  for (;;) {
    const { rows, now, unreadable } = await look();
    const by = (...conditions: readonly Condition[]) =>
      rows.filter((row) => conditions.includes(conditionOf(row, now))).map(({ instanceId }) => instanceId);
    const [lost, leaving, gone] = [by('lost'), by('draining'), by('draining', 'ended')];
    for (const id of by('failed', 'degraded', 'converging', 'healthy')) there.add(id);
    for (const id of gone) there.delete(id);
    const told = rows.map(({ instanceId }) => instanceId).filter((id) => there.has(id));
    const followers = told.map((instanceId) => {
      const following = found.get(instanceId) ?? WAITING;
      const isLost = lost.includes(instanceId) && following.state !== 'followed';
      return { instanceId, following: isLost ? LOST : following };
    });
    if (followers.every(({ following }) => isFinal(following)) || clock.elapsed() > deadline)
      return { followers, lost: lost.filter((id) => !there.has(id)), leaving, unreadable };
    await clock.sleep(LOOK_MS);
  }
}

const WAITING: Following = { state: 'waiting' };
const LOST: Following = { state: 'lost' };

/** What was tried and is not well may mend at its next try; what was given up does not. */
function isFinal(following: Following): boolean {
  return ['followed', 'lost'].includes(following.state) || (following.state === 'failed' && following.final);
}

function tellChange(id: string, before: Following | undefined, now: Following, say: (words: string) => void): void {
  if (before?.state === now.state) return;
  if (now.state === 'followed') say(`${id}: followed, ${formatDuration(now.ended)} after the push`);
  if (now.state === 'working') say(`${id}: has seen it`);
  if (now.state === 'failed')
    say(`${id}: ${now.step}: ${now.reason} [${now.code}]${now.final ? '' : '; it tries again'}`);
}
