import type { Clock } from '../../src/lib/clock.ts';

/**
 * Time that passes when the test says so, for several sleepers side by side, with a wall clock that can be set. Between two
 * moments everything that was woken has its turn, real timers and processes included.
 */
export class SteppedClock implements Clock {
  #elapsed = 0;
  #wall: number;
  readonly #sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();

  constructor(wall = Date.UTC(2026, 10, 20, 10, 0, 0)) {
    this.#wall = wall;
  }

  now(): number {
    return this.#wall + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  /** Somebody, or NTP, sets the wall clock. */
  set(byMs: number): void {
    this.#wall += byMs;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = {
        at: this.#elapsed + Math.max(0, milliseconds),
        wake: () => {
          signal?.removeEventListener('abort', end);
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      const end = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', end, { once: true });
      this.#sleepers.add(sleeper);
    });
  }

  async advance(milliseconds: number): Promise<void> {
    const end = this.#elapsed + milliseconds;
    for (;;) {
      await turn();
      const next = [...this.#sleepers].sort((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.#elapsed = next.at;
      next.wake();
    }
    this.#elapsed = end;
  }
}

/** Everything that is ready to run has run. */
async function turn(): Promise<void> {
  for (let time = 0; time < 3; time++) await new Promise((resolve) => setImmediate(resolve));
}
