import type { Clock } from '../lib/clock.ts';
import { sha256 } from '../lib/digest.ts';
import { HauloutError } from '../lib/errors.ts';
import type { Patience } from '../lib/waits.ts';
import { listRole, type RoleListing } from './listing.ts';
import type { Snapshot } from './snapshot.ts';
import type { Store } from './store.ts';

export interface SettleOptions {
  readonly settleMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** What the last sync saw: what was quiet then and is the same now is quiet. */
  readonly known?: Known | undefined;
  readonly patience?: Patience;
}

/** A listing that was taken, and what was taken under it. */
export interface Known {
  readonly snapshot: Snapshot;
  /** As `fingerprint` gave it. */
  readonly print: string;
  /** As the listing had them: they tell the known one by less work, but also change when an object is written anew as it was. */
  readonly prints: readonly string[];
}

export interface SettledListing {
  readonly listing: RoleListing;
  readonly print: string;
}

/** How long a bucket that keeps changing is waited for, in settle times. */
const PATIENCE = 12;
const LEAST_PATIENCE_MS = 30_000;
const SETTLING = { code: 'bucket-settling' };

/**
 * A listing at rest: nothing in it is younger than `settleMs` by the store's own clock, or it was the same at two looks that
 * far apart. So an upload of several files is taken whole, and a listing that is the known one costs no wait.
 */
export async function settledListing(store: Store, options: SettleOptions): Promise<SettledListing> {
  try {
    return await untilSettled(store, options);
  } finally {
    options.patience?.over();
  }
}

async function untilSettled(store: Store, options: SettleOptions): Promise<SettledListing> {
  const { clock, settleMs, known } = options;
  const started = clock.elapsed();
  let seen: { print: string; at: number } | undefined;
  for (;;) {
    const listing = await listRole(store, known?.prints);
    const print = known && listing.isKnown ? known.print : fingerprint(listing);
    if (print === known?.print || settleMs === 0) return { listing, print };
    const now = clock.elapsed();
    if (seen?.print !== print) seen = { print, at: now };
    const youngest = listing.objects.reduce((latest, { lastModified }) => Math.max(latest, lastModified), 0);
    const quiet = (store.serverDate() ?? youngest) - youngest;
    const watched = now - seen.at;
    // What is gone leaves no date: a listing that lost objects must have been looked at for that long.
    const wait = settleMs - (lostObjects(known, listing) ? watched : Math.max(quiet, watched));
    if (wait <= 0) return { listing, print };
    options.patience?.missed(SETTLING, started);
    if (now - started > Math.max(PATIENCE * settleMs, LEAST_PATIENCE_MS)) throw restless(store.name);
    // Modification times are whole seconds: a little more than the rest, so that the next look is the last one.
    await clock.sleep(Math.min(wait + 50, settleMs + 1_000), options.signal);
  }
}

/** Equal for equal listings: paths, sizes and entity tags. */
export function fingerprint({ objects }: Pick<RoleListing, 'objects'>): string {
  return sha256(objects.map((o) => `${o.key}\n${o.size} ${o.etag}\n`).join(''));
}

function lostObjects(before: Known | undefined, { objects }: RoleListing): boolean {
  if (before === undefined) return false;
  const present = new Set(objects.map(({ key }) => key));
  return before.snapshot.entries.some(({ path }) => !present.has(path));
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
