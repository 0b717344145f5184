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
}

/**
 * Tries `action` until it succeeds, `retryable` says no, or the policy is used up; then the last error is thrown.
 * Pauses are full jitter: a random part of an exponentially growing bound, so that a fleet does not come back in step.
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
        return await action(attempt);
      } catch (error) {
        if (!retryable(error)) throw error;
        tools.patience?.missed(error, started);
        const bound = Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
        const pause = tools.random() * bound;
        const late = tools.clock.elapsed() - started + pause > policy.budgetMs;
        if (attempt >= policy.attempts || late) throw error;
        await tools.clock.sleep(pause, tools.signal);
      }
    }
  } finally {
    tools.patience?.over();
  }
}
