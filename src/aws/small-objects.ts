import { Conversation, type ConversationOptions } from './conversation.ts';
import { readBody, readStart } from './http.ts';
import { S3Error } from './s3-error.ts';

/** An object as it is now. */
export interface SmallObject {
  /** As the store has it, quotes and all: it is handed back as it came. */
  readonly etag: string;
  /** Since it was written, by the store's own clock; endless where it does not say. */
  readonly ageMs: number;
  readonly body: Buffer;
}

/**
 * A status of a big role has some megabytes, and a store may take its time to have them on all its disks. Idle connections are kept
 * for longer than the pause between two looks: a new one costs more than the look.
 */
const DEADLINES = { headers: 30_000, idle: 40_000, total: 60_000 };
const LOOK = { attempts: 2, baseMs: 200, budgetMs: 5_000 };
const ANSWER_LIMIT = 64 * 1024;

/**
 * A few small objects of one bucket, written whole and looked at again and again, by the means of the reading path. An instance
 * tells of itself every minute: with the SDK it cost 0.2 s of CPU each time, and a process of its own.
 */
export class SmallObjects {
  readonly #store: Conversation;

  constructor(options: ConversationOptions) {
    this.#store = new Conversation({ connections: 2, deadlines: DEADLINES, ...options });
  }

  async put(key: string, body: Uint8Array, contentType: string): Promise<void> {
    const operation = 'PutObject';
    await this.#store.retried(operation, async () => {
      const headers = { 'content-type': contentType };
      const answer = await this.#store.ask({ operation, key, headers, body });
      await readStart(answer, ANSWER_LIMIT); // read, so that the connection serves the next one
    });
  }

  /**
   * The object, if it is another one than `etag` names; undefined: it is the same. Not patient: who looks again soon needs no
   * second try now. An S3Error 404 where there is none.
   */
  async look(key: string, etag: string | undefined, limit: number): Promise<SmallObject | undefined> {
    const operation = 'GetObject';
    const headers = etag === undefined ? {} : { 'if-none-match': etag };
    const once = async () => {
      const answer = await this.#store.ask({ operation, key, headers });
      const { etag = '', date = '', 'last-modified': modified = '' } = answer.headers;
      const ageMs = Date.parse(date) - Date.parse(modified);
      return {
        etag,
        ageMs: Number.isNaN(ageMs) ? Number.POSITIVE_INFINITY : ageMs,
        body: await readBody(answer, limit, key),
      };
    };
    return await this.#store.retried(operation, once, LOOK).catch((error: unknown) => {
      if (error instanceof S3Error && error.status === 304) return undefined;
      throw error;
    });
  }

  close(): void {
    this.#store.close();
  }
}
