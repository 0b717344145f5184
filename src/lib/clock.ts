/**
 * Two clocks, because they lie differently: `now` may jump (NTP, an operator), `elapsed` never does.
 * Deadlines and back-off use `elapsed`; only cron, expiry and signatures use `now`.
 */
export interface Clock {
  /** Wall clock, milliseconds since 1970 UTC. */
  now(): number;
  /** Monotonic milliseconds since an arbitrary start. */
  elapsed(): number;
  /** Resolves after `milliseconds`, or rejects with the signal's reason. Any length: timers over 24.8 days fire at once in Node. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

const LONGEST_TIMER = 3_600_000;

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  async sleep(milliseconds, signal) {
    const end = performance.now() + milliseconds;
    for (;;) {
      signal?.throwIfAborted();
      const left = end - performance.now();
      if (left <= 0) return;
      await pause(Math.min(left, LONGEST_TIMER), signal);
    }
  },
};

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
