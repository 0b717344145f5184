import { Stop, UNAVAILABLE } from './stop.ts';

/** What the launcher cannot decide by itself; tests hand in their own. */
export interface World {
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** In [0, 1). */
  readonly random: () => number;
  /** One line of progress, without a line end. */
  readonly say: (line: string) => void;
  /** What was waited for, the last word about it, and for how many milliseconds: for the agent's status. */
  readonly waited: [what: string, word: string, ms: number][];
}

/** Boot: the network, the role's permissions and the bucket may all come later than this script. */
const PATIENCE_MS = 300_000;
const FIRST_PAUSE_MS = 50;

/**
 * Tries until it works or the time is up, with full jitter, so that a fleet does not come back in step. A Stop is a last
 * word; anything else that is thrown means "not yet", and is said: who looks at the console wants to know why it waits.
 */
export async function patiently<T>(
  what: string,
  hint: string,
  longestPauseMs: number,
  world: World,
  action: () => Promise<T>,
): Promise<T> {
  const started = world.elapsed();
  let said = '';
  let why = '';
  for (let bound = FIRST_PAUSE_MS; ; bound = Math.min(bound * 2, longestPauseMs)) {
    try {
      const result = await action();
      if (said) world.waited.push([what, why, Math.round(world.elapsed() - started)]);
      return result;
    } catch (error) {
      if (error instanceof Stop) throw error;
      const word = messageOf(error);
      const pause = world.random() * bound;
      if (world.elapsed() - started + pause > PATIENCE_MS)
        throw new Stop(UNAVAILABLE, what, `${word}, for 300 s`, hint);
      if (word !== said) world.say(`${what}: ${word}; trying again`);
      said = word;
      why = codeOf(error) || word;
      await world.sleep(pause);
    }
  }
}

/** A connection tried over both address families fails with an AggregateError, whose message is empty. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || codeOf(error) : String(error);
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
