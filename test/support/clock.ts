import type { Clock } from '../../src/lib/clock.ts';

/**
 * Time that passes only when somebody sleeps, and then at once. What it is not: it knows one sleeper at a time (two that sleep
 * side by side are slept one after the other), and no work takes any time.
 */
export class VirtualClock implements Clock {
  #elapsed = 0;
  readonly #start: number;
  readonly #plans: { at: number; act: () => unknown }[] = [];
  /** Each sleep that was asked for, in milliseconds. */
  readonly sleeps: number[] = [];

  constructor(start = Date.UTC(2026, 10, 20, 10, 15, 0)) {
    this.#start = start;
  }

  now(): number {
    return this.#start + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  /** Time passes without anybody sleeping. */
  advance(milliseconds: number): void {
    this.#elapsed += milliseconds;
  }

  /** Something that happens so long after the start, in the middle of whatever sleep that falls into. */
  at(milliseconds: number, act: () => unknown): void {
    this.#plans.push({ at: milliseconds, act });
    this.#plans.sort((a, b) => a.at - b.at);
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.sleeps.push(milliseconds);
    const end = this.#elapsed + Math.max(0, milliseconds);
    for (let plan = this.#plans[0]; plan && plan.at <= end; plan = this.#plans[0]) {
      this.#plans.shift();
      this.#elapsed = Math.max(this.#elapsed, plan.at);
      await plan.act();
      signal?.throwIfAborted();
    }
    this.#elapsed = end;
  }
}
