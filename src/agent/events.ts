import { appendFile, lstat, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory } from '../lib/durable.ts';
import type { Status } from '../status/status.ts';
import type { TimelineEntry } from '../status/timeline.ts';

/** A line of the event log. */
export type AgentEvent = { readonly at: string } & (
  | ({ readonly event: 'step' } & TimelineEntry)
  | { readonly event: 'round'; readonly status: Status }
);

const LARGEST = 2 * 1024 * 1024;
/** Looking is news in the first round only. */
const ACTING = new Set(['packages', 'files', 'service']);

/**
 * `/var/log/haulout/events.jsonl`: each step as it ends, and one line per round that did something, was asked for, or changed
 * the health. For `haulout logs --json` and whoever watches the machine; bounded, with one older file kept.
 */
export class EventLog {
  readonly #path: string;
  readonly #directory: string;
  #last = '';
  #looked = false;
  #queue: Promise<void> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
    this.#path = join(directory, 'events.jsonl');
  }

  step(entry: TimelineEntry): void {
    if (this.#looked && !ACTING.has(entry.step)) return;
    this.#queue = this.#queue.then(() => this.#append({ at: new Date().toISOString(), event: 'step', ...entry }));
  }

  async round(status: Status, asked: boolean): Promise<void> {
    const news = JSON.stringify([status.health, status.trouble?.code, status.trouble?.subject, status.content]);
    this.#looked = true;
    await this.#queue;
    if (!asked && status.lastSync.steps === 0 && news === this.#last) return;
    this.#last = news;
    await this.#append({ at: status.at, event: 'round', status });
  }

  /** A log that cannot be written (a full disk) stops nothing. */
  async #append(event: AgentEvent): Promise<void> {
    try {
      await ensureDirectory(this.#directory);
      const found = await lstat(this.#path).catch(() => undefined);
      // What is no file (a pipe would hold us for ever) makes room like a log that is full.
      if (found && (!found.isFile() || found.size > LARGEST)) {
        await rm(`${this.#path}.1`, { recursive: true, force: true });
        await rename(this.#path, `${this.#path}.1`);
      }
      await appendFile(this.#path, `${JSON.stringify(event)}\n`, { mode: 0o600 });
    } catch {
      return;
    }
  }
}
