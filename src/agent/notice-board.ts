import type { Clock } from '../lib/clock.ts';
import type { Metadata } from '../metadata/choose.ts';
import { type Announcement, NOTICE_SOURCES, type NoticeSource } from '../metadata/notices.ts';

/** A machine that is still there so long after its end was another machine's matter, or was spared. */
export const OVERDUE_MS = 120_000;

/** What the metadata service announces now, as far as it can be heard. */
export class NoticeBoard {
  readonly #metadata: Pick<Metadata, 'announces' | 'peek'>;
  readonly #clock: Clock;
  readonly #held = new Map<NoticeSource, { readonly said: Announcement; readonly since: number }>();
  readonly #dueAt = new Map<NoticeSource, number>();
  readonly #heard = new Set<Announcement['kind']>();

  constructor(metadata: Pick<Metadata, 'announces' | 'peek'>, clock: Clock) {
    this.#metadata = metadata;
    this.#clock = clock;
  }

  /** Asks whom it is time to ask. Who does not answer has not taken back what he said. */
  async look(): Promise<void> {
    if (!this.#metadata.announces) return;
    for (const source of NOTICE_SOURCES) {
      const now = this.#clock.elapsed();
      if (now < (this.#dueAt.get(source) ?? now)) continue;
      this.#dueAt.set(source, now + source.everyMs);
      await this.#ask(source).catch(() => undefined);
    }
  }

  /**
   * In the order of the sources. What should have happened long ago is no announcement any more, but by our clock alone, which may
   * be wrong, none is passed over.
   */
  standing(): readonly Announcement[] {
    const past = this.#clock.now() - OVERDUE_MS;
    const old = this.#clock.elapsed() - OVERDUE_MS;
    const held = NOTICE_SOURCES.map((source) => this.#held.get(source)).filter((each) => each !== undefined);
    return held
      .filter(({ said: { deadline = past }, since }) => deadline >= past || since > old)
      .map(({ said }) => said);
  }

  /** It was asked about, and there was an answer. */
  hasHeard(kind: Announcement['kind']): boolean {
    return this.#heard.has(kind);
  }

  async #ask(source: NoticeSource): Promise<void> {
    const said = await this.#metadata.peek(source.path, source.parse);
    this.#heard.add(source.kind);
    const before = this.#held.get(source);
    const since = before && before.said.deadline === said?.deadline ? before.since : this.#clock.elapsed();
    if (said) this.#held.set(source, { said, since });
    else this.#held.delete(source);
  }
}
