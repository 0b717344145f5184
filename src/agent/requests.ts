import { randomUUID } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { ownDirectory, writeWhole } from '../lib/durable.ts';
import type { Status } from '../status/status.ts';

/**
 * How `haulout sync` asks a running agent: a file in `/run/haulout/requests`, answered by one in `/run/haulout/answers`.
 * No socket listens; both directories are root's own. The name says what is asked for: a sync, or a goodbye within so many
 * milliseconds.
 */
const SYNC = /^[0-9a-f-]{36}$/;
const GOODBYE = /^goodbye-(\d{1,9})-[0-9a-f-]{36}$/;

export class Requests {
  readonly #requests: string;
  readonly #answers: string;
  #watcher: FSWatcher | undefined;

  constructor(run: string) {
    this.#requests = join(run, 'requests');
    this.#answers = join(run, 'answers');
  }

  /** Calls `onRequest` when somebody asks. What was asked before, of an agent that was killed, is pending still. */
  async open(onRequest: () => void): Promise<void> {
    for (const directory of [this.#requests, this.#answers]) await ownDirectory(directory);
    this.#watcher = watch(this.#requests, () => onRequest());
    this.#watcher.on('error', () => undefined);
  }

  async pending(): Promise<string[]> {
    return (await this.#names()).filter((name) => SYNC.test(name));
  }

  async goodbyes(): Promise<{ readonly name: string; readonly withinMs: number }[]> {
    return (await this.#names()).flatMap((name) => {
      const milliseconds = GOODBYE.exec(name)?.[1];
      return milliseconds === undefined ? [] : [{ name, withinMs: Number(milliseconds) }];
    });
  }

  async answer(names: readonly string[], status: Status): Promise<void> {
    for (const name of names) {
      try {
        await rm(join(this.#requests, name), { force: true, recursive: true });
        await ownDirectory(this.#answers);
        await writeWhole(join(this.#answers, name), JSON.stringify(status), { mode: 0o600, sync: false });
      } catch {
        // Whoever asked gives up in time; a full or broken /run must not end the agent.
      }
    }
  }

  async #names(): Promise<string[]> {
    return await readdir(this.#requests).catch(() => []);
  }

  close(): void {
    this.#watcher?.close();
  }
}

const LOOK_MS = 100;
const LOOKS_PER_TRY = 30;

/** The name of a request: for a sync, or for a goodbye. */
export const syncRequest = (): string => randomUUID();
export const goodbyeRequest = (withinMs: number): string => `goodbye-${Math.round(withinMs)}-${randomUUID()}`;

/**
 * Asks the agent of this machine and waits for its status; undefined: none answered in time. The agent may be killed
 * meanwhile: now and then `alone` is tried, which does what was asked itself where no agent is.
 */
export async function askAgent(
  run: string,
  clock: Clock,
  name: string,
  timeoutMs: number,
  alone: () => Promise<Status | undefined>,
): Promise<Status | undefined> {
  const request = join(run, 'requests', name);
  const answer = join(run, 'answers', name);
  for (const path of [request, answer]) await ownDirectory(dirname(path));
  await writeFile(request, '', { mode: 0o600, flag: 'wx' });
  const end = clock.elapsed() + timeoutMs;
  try {
    for (let look = 1; clock.elapsed() < end; look++) {
      const text = await readFile(answer, 'utf8').catch(() => undefined);
      if (text !== undefined) return JSON.parse(text) as Status;
      const status = look % LOOKS_PER_TRY === 0 ? await alone() : undefined;
      if (status) return status;
      await clock.sleep(LOOK_MS);
    }
    return undefined;
  } finally {
    await rm(request, { force: true });
    await rm(answer, { force: true });
  }
}
