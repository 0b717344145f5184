import { randomUUID } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { writeWhole } from '../lib/durable.ts';
import type { Status } from '../status/status.ts';

/**
 * How `haulout sync` asks a running agent: a file in `/run/haulout/requests`, answered by one in `/run/haulout/answers`.
 * No socket listens; both directories are root's own.
 */
const NAME = /^[0-9a-f-]{36}$/;

export class Requests {
  readonly #requests: string;
  readonly #answers: string;
  #watcher: FSWatcher | undefined;

  constructor(run: string) {
    this.#requests = join(run, 'requests');
    this.#answers = join(run, 'answers');
  }

  /** Calls `onRequest` when somebody asks. What was asked while nobody listened is dropped. */
  async open(onRequest: () => void): Promise<void> {
    for (const directory of [this.#requests, this.#answers]) {
      await rm(directory, { recursive: true, force: true });
      await mkdir(directory, { recursive: true, mode: 0o700 });
    }
    this.#watcher = watch(this.#requests, () => onRequest());
    this.#watcher.on('error', () => undefined);
  }

  async pending(): Promise<string[]> {
    return (await readdir(this.#requests).catch(() => [])).filter((name) => NAME.test(name));
  }

  async answer(names: readonly string[], status: Status): Promise<void> {
    for (const name of names) {
      await rm(join(this.#requests, name), { force: true });
      await writeWhole(join(this.#answers, name), JSON.stringify(status), { mode: 0o600, sync: false });
    }
  }

  close(): void {
    this.#watcher?.close();
  }
}

/** Asks the agent of this machine for a sync and waits for its status; undefined: none answered in time. */
export async function askForSync(run: string, clock: Clock, timeoutMs: number): Promise<Status | undefined> {
  const name = randomUUID();
  await writeFile(join(run, 'requests', name), '', { mode: 0o600, flag: 'wx' });
  const answer = join(run, 'answers', name);
  const end = clock.elapsed() + timeoutMs;
  while (clock.elapsed() < end) {
    const text = await readFile(answer, 'utf8').catch(() => undefined);
    if (text !== undefined) {
      await rm(answer, { force: true });
      return JSON.parse(text) as Status;
    }
    await clock.sleep(100);
  }
  await rm(join(run, 'requests', name), { force: true });
  return undefined;
}
