import type { Notice } from '../fleet/lease.ts';
import type { Clock } from '../lib/clock.ts';
import { asTrouble } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { ServiceSpec } from '../spec/spec.ts';
import type { Farewell, FarewellFile } from './farewell-file.ts';
import type { Presence } from './presence.ts';
import type { Withdrawal } from './registrar.ts';

/** What came of a stop. */
export interface Stopped {
  readonly ok: boolean;
  readonly words: readonly string[];
}

/** What of the agent a goodbye touches. */
export interface GoodbyeParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly presence: Pick<Presence, 'say'>;
  readonly file: Pick<FarewellFile, 'read' | 'keep'>;
  /** What runs here, in the order in which it was started. */
  readonly services: () => Promise<readonly ServiceSpec[]>;
  /** Before the stop: out of the load balancer. Words about what went wrong. */
  readonly drain: (service: ServiceSpec, notice: Notice, seconds: number) => Promise<readonly string[]>;
  /** Where this machine has announced itself. */
  readonly registrations: () => Promise<readonly Withdrawal[]>;
  readonly withdraw: (registration: Withdrawal) => Promise<readonly string[]>;
  readonly stop: (service: ServiceSpec) => Promise<Stopped>;
  /** Ends the round under way, so that nobody starts what is about to be stopped. */
  readonly quiet: (withinMs: number) => Promise<void>;
  /** Tells the world how things stand, the services that are stopped and words about them included. */
  readonly tell: (stopped: readonly string[], words: readonly string[]) => Promise<void>;
}

/** Kept for the tombstone, at most this part of what there is. */
const RESERVE_MS = 10_000;
const RESERVE_PART = 0.25;
/** Of the time for hooks: what drains may take of it together. */
const DRAIN_PART = 0.5;
const SHORTEST_LIMIT_MS = 1_000;
const QUIET_PART = 0.1;

/** A goodbye: drain hooks of all services side by side, stop hooks one by one in reverse order, tombstone; each in its time. */
export class Goodbye {
  readonly #parts: GoodbyeParts;
  readonly #notice: Notice;
  readonly #begun: number;
  #endAt = Number.POSITIVE_INFINITY;
  #hooksEndAt = Number.POSITIVE_INFINITY;
  /** Hooks that drain have limits of their own; one that was begun with more time than there is now is waited for until then. */
  #drainEndAt = Number.POSITIVE_INFINITY;
  #hurried = new AbortController();
  #touched: readonly string[] = [];
  readonly #stopped: string[] = [];
  readonly #words: string[] = [];
  #hooksSaid: Promise<void> = Promise.resolve();
  #takenBack = false;

  /** `leftMs`: until the machine goes. */
  constructor(parts: GoodbyeParts, notice: Notice, leftMs: number) {
    this.#parts = parts;
    this.#notice = notice;
    this.#begun = parts.clock.elapsed();
    this.#setEnd(leftMs);
  }

  /** Services that were drained or stopped, or were about to be. */
  get touched(): readonly string[] {
    return this.#touched;
  }

  /** No further service is stopped. Resolves when the last hook has ended: what is started then is stopped by nobody. */
  async takeBack(): Promise<void> {
    this.#takenBack = true;
    await this.#hooksSaid;
  }

  /** The machine goes sooner than was said. */
  hurry(leftMs: number): void {
    if (this.#parts.clock.elapsed() + leftMs >= this.#endAt) return;
    this.#setEnd(leftMs);
    // A notice is looked at every few seconds, by another clock: what is a hair sooner must not give the drain its part anew.
    this.#drainEndAt = Math.min(this.#drainEndAt, this.#parts.clock.elapsed() + this.#left() * DRAIN_PART);
    this.#hurried.abort();
    this.#hurried = new AbortController();
  }

  #setEnd(leftMs: number): void {
    const left = Math.max(0, leftMs);
    this.#endAt = this.#parts.clock.elapsed() + left;
    this.#hooksEndAt = this.#endAt - Math.min(RESERVE_MS, left * RESERVE_PART);
  }

  /** Never rejects. */
  async say(): Promise<void> {
    const { clock, log, presence } = this.#parts;
    const { kind, deadline } = this.#notice;
    log.warn(`${kind}: this instance leaves${deadline === undefined ? '' : `, until ${deadline}`}`);
    presence.say('draining', this.#notice);
    const told = this.#tell();
    this.#hooksSaid = this.#hooks().catch((error) => this.#note([String(error)]));
    await this.#within(() => this.#hooksEndAt, this.#hooksSaid);
    if (this.#takenBack) return;
    await this.#within(() => (this.#endAt + this.#hooksEndAt) / 2, told); // an older word must not come last
    presence.say('ended', this.#notice);
    await this.#keep('ended');
    await this.#tell();
    log.warn(`${kind}: said goodbye in ${((clock.elapsed() - this.#begun) / 1_000).toFixed(1)} s`);
  }

  async #hooks(): Promise<void> {
    const services = await this.#parts.services();
    const registrations = await this.#parts.registrations();
    // Written down before the first of them is touched: whoever takes it back after a crash has to know.
    this.#touched = services.map(({ id }) => id);
    await this.#keep('draining');
    await this.#parts.quiet(this.#left() * QUIET_PART);
    const drainMs = this.#left() * DRAIN_PART;
    const seconds = Math.max(0, Math.round(this.#left() / 1_000));
    const drained = services.map((service) =>
      this.#one('service', service, drainMs, (each) => this.#parts.drain(each, this.#notice, seconds)),
    );
    const withdrawn = registrations.map((registration) =>
      this.#one('register', registration, drainMs, (each) => this.#parts.withdraw(each)),
    );
    await this.#within(() => this.#drainEndAt, Promise.all([...drained, ...withdrawn]));
    const reversed = [...services].reverse();
    for (const [index, service] of reversed.entries()) {
      if (this.#takenBack || this.#left() <= 0) return;
      const share = this.#left() / (reversed.length - index);
      await this.#one('service', service, share, (each) => this.#stop(each));
    }
  }

  async #stop(service: ServiceSpec): Promise<readonly string[]> {
    const { ok, words } = await this.#parts.stop(service);
    if (ok) this.#stopped.push(service.id);
    return words;
  }

  /** In its share of what is left, the service's own limit permitting. What one of them does holds up no other. */
  async #one<Item extends { readonly id: string; readonly timeoutMs: number }>(
    kind: 'service' | 'register',
    item: Item,
    shareMs: number,
    action: (item: Item) => Promise<readonly string[]>,
  ): Promise<void> {
    const timeoutMs = Math.max(SHORTEST_LIMIT_MS, Math.min(item.timeoutMs, shareMs));
    try {
      this.#note(await action({ ...item, timeoutMs }));
    } catch (error) {
      const { subject, reason } = asTrouble(error, kind, `${kind}:${item.id}`);
      this.#note([`${subject}: ${reason}`]);
    }
  }

  #note(words: readonly string[]): void {
    for (const word of words) this.#parts.log.warn(word);
    this.#words.push(...words);
  }

  #left(): number {
    return this.#hooksEndAt - this.#parts.clock.elapsed();
  }

  async #tell(): Promise<void> {
    await this.#parts.tell(this.#stopped, this.#words);
  }

  async #keep(state: Farewell['state']): Promise<void> {
    await this.#parts.file.keep({ state, notice: this.#notice, touched: this.#touched });
  }

  /** Until the action is over, or its time is, which may become shorter meanwhile. */
  async #within(endAt: () => number, action: Promise<unknown>): Promise<void> {
    const { clock } = this.#parts;
    let isOver = false;
    const over = action.then(() => {
      isOver = true;
    });
    do {
      const done = new AbortController();
      const signal = AbortSignal.any([done.signal, this.#hurried.signal]);
      const alarm = clock.sleep(Math.max(0, endAt() - clock.elapsed()), signal).catch(() => undefined);
      await Promise.race([over, alarm]);
      done.abort();
    } while (!isOver && clock.elapsed() < endAt());
  }
}
