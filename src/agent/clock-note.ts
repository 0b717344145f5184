import type { Store } from '../bucket/store.ts';
import type { Clock } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';

/** Signatures are refused at 15 minutes; a third of it is worth a word. */
const NOTABLE_MS = 300_000;

/** A clock that is wrong stops nothing here, but logs, certificates and cron live by it. For just after an answer of the store. */
export function clockNote(store: Store, clock: Clock): string | undefined {
  const theirs = store.serverDate();
  const ahead = theirs === undefined ? 0 : clock.now() - theirs;
  if (Math.abs(ahead) < NOTABLE_MS) return undefined;
  const how = `${formatDuration(Math.abs(ahead))} ${ahead > 0 ? 'ahead of' : 'behind'}`;
  return `the clock of this machine is ${how} the store's, by which requests are signed: is time synchronisation running?`;
}
