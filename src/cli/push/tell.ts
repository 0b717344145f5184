import { formatDuration } from '../../lib/duration.ts';
import { EXIT } from '../../lib/exit.ts';
import { data, paint, say } from '../talk.ts';
import type { Differences } from './differences.ts';
import type { Watched } from './watch.ts';

interface Asked {
  readonly plan?: boolean;
  readonly delete?: boolean;
  readonly json?: boolean;
}

/** What differs, and what is done about it. */
export function tellDifferences({ upload, extra, same }: Differences, { delete: remove, plan }: Asked): void {
  const would = plan ? 'would upload' : 'uploading';
  say(`${would} ${upload.length} of ${upload.length + same} objects`);
  if (extra.length === 0) return;
  const words = `${extra.length} in the bucket that the directory has not: ${extra.slice(0, 3).join(', ')}${extra.length > 3 ? ' ...' : ''}`;
  say(remove ? `${plan ? 'would delete' : 'deleting'} ${words}` : `leaving ${words}; --delete takes them away`);
}

/** A line now and then: a long upload is no silence. */
export function progress(of: number): (done: number) => void {
  let last = performance.now();
  return (count) => {
    if (count < of && performance.now() - last < 2_000) return;
    last = performance.now();
    say(`uploaded ${count} of ${of}`);
  };
}

export interface Pushed {
  readonly found: Differences;
  readonly digest: string;
  /** Where instances write. */
  readonly state: string;
}

const BEHIND = { working: 'is at it', waiting: 'has not looked', lost: 'its lease ran out meanwhile' };

/** Says how it ended, and makes the exit code of it. `watched` undefined: nobody was waited for. */
export function done({ found, digest, state }: Pushed, watched: Watched | undefined, { json }: Asked): number {
  const { upload, extra } = found;
  if (json) data({ schema: 1, digest, uploaded: upload, extra, ...(watched ?? {}) });
  if (!watched) return EXIT.done;
  const { followers, lost, leaving, unreadable } = watched;
  const followed = followers.flatMap(({ following }) => (following.state === 'followed' ? [following] : []));
  const words = `${followed.length} of ${followers.length} instances have it`;
  if (lost.length > 0) say(`${lost.length} lost before, and not waited for: ${lost.slice(0, 3).join(', ')}`);
  if (leaving.length > 0) say(`${leaving.length} leaving, and not waited for: ${leaving.slice(0, 3).join(', ')}`);
  for (const { path, reason } of unreadable.slice(0, 3)) say(`${path} cannot be read, nor waited for: ${reason}`);
  if (unreadable.length > 3) say(`so are ${unreadable.length - 3} more; haulout fleet ${state} has them`);
  if (followed.length > 0) {
    const [first, last] = [Math.min(...followed.map((f) => f.started)), Math.max(...followed.map((f) => f.started))];
    const all = Math.max(...followed.map((f) => f.ended));
    say(
      `begun ${formatDuration(first)} to ${formatDuration(last)} after the push, the last one done after ${formatDuration(all)}`,
    );
  }
  if (followed.length === followers.length) {
    say(paint.green(words));
    return EXIT.done;
  }
  say(paint.red(words));
  for (const { instanceId, following } of followers) {
    if (following.state === 'failed') say(`${instanceId}: ${following.step}: ${following.reason} [${following.code}]`);
    else if (following.state !== 'followed') say(`${instanceId}: ${BEHIND[following.state]}`);
  }
  const first = followers.find(({ following }) => following.state !== 'followed')!;
  say(`next: haulout explain ${first.instanceId} ${state}`);
  return EXIT.failed;
}
