import type { Clock } from '../lib/clock.ts';
import { HauloutError } from '../lib/errors.ts';
import type { Patience } from '../lib/waits.ts';
import { listRole, type RoleListing } from './listing.ts';
import type { Store } from './store.ts';

export interface SettleOptions {
  readonly settleMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** The listing of the last sync, as `fingerprint` gave it: what was quiet then and is the same now is quiet. */
  readonly known?: string;
  readonly patience?: Patience;
}

/** How long a bucket that keeps changing is waited for, in settle times. */
const PATIENCE = 12;
const LEAST_PATIENCE_MS = 30_000;
const SETTLING = { code: 'bucket-settling' };

/**
 * A listing at rest: nothing in it is younger than `settleMs` by the store's own clock, or it was the same at two looks that
 * far apart. So an upload of several files is taken whole, and a listing that is the known one costs no wait.
 */
export async function settledListing(store: Store, options: SettleOptions): Promise<RoleListing> {
  try {
    return await untilSettled(store, options);
  } finally {
    options.patience?.over();
  }
}

async function untilSettled(store: Store, options: SettleOptions): Promise<RoleListing> {
  const { clock, settleMs } = options;
  const started = clock.elapsed();
  let seen: { print: string; at: number } | undefined;
  for (;;) {
    const listing = await listRole(store);
    const print = fingerprint(listing);
    if (print === options.known || settleMs === 0) return listing;
    const now = clock.elapsed();
    if (seen?.print !== print) seen = { print, at: now };
    const youngest = listing.objects.reduce((latest, { lastModified }) => Math.max(latest, lastModified), 0);
    const quiet = (store.serverDate() ?? youngest) - youngest;
    const watched = now - seen.at;
    // What is gone leaves no date: a listing that lost objects must have been looked at for that long.
    const wait = settleMs - (lostObjects(options.known, print) ? watched : Math.max(quiet, watched));
    if (wait <= 0) return listing;
    options.patience?.missed(SETTLING, started);
    if (now - started > Math.max(PATIENCE * settleMs, LEAST_PATIENCE_MS)) throw restless(store.name);
    // Modification times are whole seconds: a little more than the rest, so that the next look is the last one.
    await clock.sleep(Math.min(wait + 50, settleMs + 1_000), options.signal);
  }
}

/** Equal for equal listings: paths, sizes and entity tags. */
export function fingerprint(listing: RoleListing): string {
  return listing.objects.map((o) => `${o.key}\n${o.size} ${o.etag}\n`).join('');
}

/** Prints alternate a line with the path and one with size and tag. */
function lostObjects(before: string | undefined, after: string): boolean {
  if (before === undefined) return false;
  const paths = (print: string) => print.split('\n').filter((_, index) => index % 2 === 0);
  const present = new Set(paths(after));
  return paths(before).some((path) => path !== '' && !present.has(path));
}

function restless(name: string): HauloutError {
  return new HauloutError({
    code: 'bucket-restless',
    step: 'bucket',
    subject: name,
    reason: 'the bucket did not stop changing',
    hint: 'it is looked at again at the next sync; a longer HAULOUT_SETTLE makes no difference to an endless upload',
  });
}
