import { systemClock } from '../../lib/clock.ts';
import { parseDuration } from '../../lib/duration.ts';
import { asTrouble } from '../../lib/errors.ts';
import { EXIT } from '../../lib/exit.ts';
import { harmlessJson, say } from '../talk.ts';
import { Changes, changeLine } from './changes.ts';
import { openPlace, type PlaceOptions, usage } from './place.ts';
import { FleetReader, type FleetView } from './read-fleet.ts';
import { Screen } from './screen.ts';
import { fleetWords } from './table.ts';

export interface WatchOptions extends PlaceOptions {
  readonly interval: string;
  readonly json?: boolean;
}

/** Oftener would cost more than it shows: a listing is a request for each thousand instances. */
const LEAST_INTERVAL_MS = 1_000;
/** What is under way when it is told to end is not waited for. */
const LAST_LOOK_MS = 500;

interface Teller {
  show(view: FleetView): void;
  fail(words: string): void;
  close(): void;
}

/** `haulout fleet watch s3://bucket`, until it is told to end; then 130. A store that was there once is asked again and again. */
export async function watchFleet(address: string, options: WatchOptions): Promise<number> {
  const interval = parseDuration(options.interval) ?? 0;
  if (interval < LEAST_INTERVAL_MS) throw usage('--interval', 'this is no duration of a second or more', 'write 5s');
  const stop = new AbortController();
  const end = () => {
    stop.abort();
    setTimeout(() => process.exit(EXIT.interrupted), LAST_LOOK_MS).unref();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  const place = await openPlace(address, options);
  const reader = new FleetReader(place);
  let teller: Teller | undefined;
  try {
    while (!stop.signal.aborted) {
      const seen = await Promise.race([
        reader.look().catch(thrownOnceAsked(teller !== undefined)),
        aborted(stop.signal),
      ]);
      if (seen === undefined || stop.signal.aborted) break;
      teller ??= options.json || !canDrawInPlace() ? lines(place.text, options.json === true) : screen(place.text);
      if (typeof seen === 'string') teller.fail(seen);
      else teller.show(seen);
      await systemClock.sleep(interval, stop.signal).catch(() => undefined);
    }
    return EXIT.interrupted;
  } finally {
    teller?.close();
    place.reader.close();
  }
}

/** The first look must succeed, or the address is wrong; later ones say what is wrong. */
function thrownOnceAsked(later: boolean): (error: unknown) => string {
  return (error) => {
    if (!later) throw error;
    const { step, subject, reason } = asTrouble(error, 'bucket', 'fleet');
    return `${step}: ${subject}: ${reason}`;
  };
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

function canDrawInPlace(): boolean {
  return process.stdout.isTTY === true && process.env['TERM'] !== 'dumb';
}

function screen(head: string): Teller {
  return new Screen(process.stdout, `haulout: ${head}`);
}

function lines(head: string, json: boolean): Teller {
  const changes = new Changes();
  let first = true;
  return {
    show(view) {
      for (const change of changes.next(view))
        process.stdout.write(`${json ? harmlessJson({ schema: 1, ...change }) : changeLine(change)}\n`);
      if (first) say(`${head}: ${fleetWords(view)}`);
      first = false;
    },
    fail: (words) => say(words),
    close: () => undefined,
  };
}
