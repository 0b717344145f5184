import type { Clock } from './clock.ts';
import type { Patience } from './waits.ts';

export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** The first pause's upper bound; doubled for each further one. */
  readonly baseMs: number;
  readonly capMs: number;
  /** No new try starts later than this after the first began. */
  readonly budgetMs: number;
}

export interface RetryTools {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly signal?: AbortSignal;
  /** Hears that it is not there yet, and that the waiting is over. */
  readonly patience?: Patience;
  /** Shared by calls that should not all go on trying at once. */
  readonly budget?: RetryBudget;
  /** How long, in milliseconds, the other side asked us to wait; 0 where it did not. */
  readonly askedFor?: (error: unknown, now: number) => number;
}

/**
 * Tries beyond the first that many calls share. One that helped is given back, and the rest comes back over a minute: what
 * fails now and then never runs out of it, what fails always stops asking.
 */
export class RetryBudget {
  readonly #most: number;
  readonly #clock: Pick<Clock, 'elapsed'>;
  #left: number;
  #at: number;

  constructor(most: number, clock: Pick<Clock, 'elapsed'>) {
    this.#most = most;
    this.#clock = clock;
    this.#left = most;
    this.#at = clock.elapsed();
  }

  take(): boolean {
    const now = this.#clock.elapsed();
    this.giveBack(((now - this.#at) / 60_000) * this.#most);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  giveBack(count: number): void {
    this.#left = Math.min(this.#most, this.#left + count);
  }
}

/**
 * Tries `action` until it succeeds, `retryable` says no, or the policy is used up; then the last error is thrown.
 * Pauses are full jitter: a random part of an exponentially growing bound, so that a fleet does not come back in step. Where the
 * other side asked for time, that comes on top.
 */
export async function retry<T>(
  policy: RetryPolicy,
  tools: RetryTools,
  retryable: (error: unknown) => boolean,
  action: (attempt: number) => Promise<T>,
): Promise<T> {
  const started = tools.clock.elapsed();
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await action(attempt);
        tools.budget?.giveBack(attempt - 1);
        return result;
      } catch (error) {
        if (!retryable(error)) throw error;
        tools.patience?.missed(error, started);
        const bound = Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
        const pause = tools.random() * bound + (tools.askedFor?.(error, tools.clock.now()) ?? 0);
        const late = tools.clock.elapsed() - started + pause > policy.budgetMs;
        if (attempt >= policy.attempts || late || tools.budget?.take() === false) throw error;
        await tools.clock.sleep(pause, tools.signal);
      }
    }
  } finally {
    tools.patience?.over();
  }
}
