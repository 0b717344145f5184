import type { Clock } from '../../lib/clock.ts';
import { formatDuration } from '../../lib/duration.ts';
import type { Place } from '../fleet/place.ts';
import { FleetReader } from '../fleet/read-fleet.ts';
import { conditionOf, type Row } from '../fleet/row.ts';
import { type Following, followingOf, type Goal } from './followers.ts';

/** An instance of the role, and what it has made of the push so far. */
export interface Follower {
  readonly instanceId: string;
  readonly following: Following;
}

export interface Watched {
  readonly followers: readonly Follower[];
  /** Those whose lease had run out before: nobody waits for them. */
  readonly lost: readonly string[];
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
  const deadline = clock.elapsed() + how.timeoutMs;
  for (;;) {
    const { rows, now } = await fleet.look();
    const there = rows.filter((row) => isThere(row, now));
    const followers = there.map(({ instanceId }) => ({ instanceId, following: found.get(instanceId) ?? WAITING }));
    if (followers.every(({ following }) => isFinal(following)) || clock.elapsed() > deadline)
      return { followers, lost: rows.filter((row) => conditionOf(row, now) === 'lost').map((row) => row.instanceId) };
    await clock.sleep(LOOK_MS);
  }
}

const WAITING: Following = { state: 'waiting' };

function isThere(row: Row, now: number): boolean {
  return !['ended', 'lost'].includes(conditionOf(row, now));
}

/** What was tried and is not well may mend at its next try; what was given up does not. */
function isFinal(following: Following): boolean {
  return following.state === 'followed' || (following.state === 'failed' && following.final);
}

function tellChange(id: string, before: Following | undefined, now: Following, say: (words: string) => void): void {
  if (before?.state === now.state) return;
  if (now.state === 'followed') say(`${id}: followed, ${formatDuration(now.ended)} after the push`);
  if (now.state === 'working') say(`${id}: has seen it`);
  if (now.state === 'failed')
    say(`${id}: ${now.step}: ${now.reason} [${now.code}]${now.final ? '' : '; it tries again'}`);
}
