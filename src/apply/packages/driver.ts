import { stat } from 'node:fs/promises';
import type { Clock } from '../../lib/clock.ts';
import { type RunResult, run } from '../../lib/exec.ts';
import type { Patience } from '../../lib/waits.ts';
import { versionMatches } from '../../plan/packages.ts';
import { type Argv, type Dialect, LOCK_SECONDS, type Order, type Question, type Versions } from './dialect.ts';
import { anyLocked } from './locks.ts';
import type { PackageManager, PackageWish } from './manager.ts';
import { failed, mayPass, meaningOf, notThere, noVersion, stillThere, unfetchedIn } from './trouble.ts';

export interface ManagerTools {
  readonly clock: Clock;
  readonly onOutput?: (text: string) => void;
  /** What a person should know although nothing failed. */
  readonly onWarning?: (text: string) => void;
  /** Hears how long another package manager was waited for. */
  readonly patience?: Patience;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const LOOK_AGAIN_MS = 1_000;
const REFRESH_PAUSE_MS = 5_000;
const LOCKED = { code: 'packages-locked' };
const REFRESH_TRIES = 3;
/** What wants to be `latest` asks for new lists so often. */
const LISTS_AGE_MS = 6 * HOUR;
const EVERYTHING = 'package:*';

/**
 * One manager by its dialect. No lock is ever broken: it is waited for. What was left half done is repaired first. After each
 * transaction the database is looked at, because some managers end well without having done what was asked.
 */
export function packageManager(dialect: Dialect, tools: ManagerTools): PackageManager {
  return new Driver(dialect, tools);
}

class Driver implements PackageManager {
  readonly name: string;
  readonly #dialect: Dialect;
  readonly #tools: ManagerTools;
  #seen: { readonly mark: string; readonly versions: Versions } | undefined;
  /** By the clock: when the lists were fetched, and when that was last tried. */
  #refreshed: number | undefined;
  #tried: number | undefined;
  /** Why some of the lists could not be fetched the last time, although that was no failure. */
  #unfetched: string | undefined;

  constructor(dialect: Dialect, tools: ManagerTools) {
    this.name = dialect.name;
    this.#dialect = dialect;
    this.#tools = tools;
  }

  async installed(names: readonly string[]): Promise<Record<string, readonly string[]>> {
    const mark = await markOf(this.#dialect.databases);
    if (this.#seen?.mark !== mark) this.#seen = { mark, versions: await this.#allInstalled() };
    const { versions } = this.#seen;
    return Object.fromEntries(names.flatMap((name) => (versions.has(name) ? [[name, versions.get(name)!]] : [])));
  }

  async candidates(names: readonly string[]): Promise<Record<string, string | undefined>> {
    if (names.length === 0) return {};
    await this.#refreshNowAndThen();
    return await this.#candidates(names);
  }

  async upgrade(): Promise<void> {
    await this.#transaction(EVERYTHING, async () => this.#dialect.upgrade);
  }

  async install(wishes: readonly PackageWish[]): Promise<void> {
    if (wishes.length === 0) return;
    const subject = subjectOf(wishes.map(({ name }) => name));
    await this.#transaction(subject, async () => this.#dialect.install(await this.#orders(wishes)));
    const installed = await this.installed(wishes.map(({ name }) => name));
    for (const { name, version } of wishes) {
      const versions = installed[name] ?? [];
      const fits = version === undefined ? versions.length > 0 : versions.some((one) => versionMatches(version, one));
      if (!fits) throw notThere(name, version, versions);
    }
  }

  async remove(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    await this.#repair(subjectOf(names));
    await this.#must(this.#dialect.remove(names), subjectOf(names));
    const [left] = Object.keys(await this.installed(names));
    if (left !== undefined) throw stillThere(left);
  }

  /** What a pattern means is decided here and not by the manager, which would take the epoch or a glob in its own way. */
  async #orders(wishes: readonly PackageWish[]): Promise<Order[]> {
    const named = wishes.filter(({ version }) => version !== undefined).map(({ name }) => name);
    const newest = wishes.filter(({ latest }) => latest).map(({ name }) => name);
    const available = named.length > 0 ? await this.#ask(this.#dialect.available(named)) : new Map();
    const candidates = newest.length > 0 ? await this.#candidates(newest) : {};
    return wishes.map(({ name, version: pattern, latest }) => {
      const candidate = latest ? candidates[name] : undefined;
      if (pattern === undefined) return { name, version: undefined, latest, candidate };
      const known: readonly string[] = available.get(name) ?? [];
      const version = known.find((one) => versionMatches(pattern, one));
      if (version === undefined) throw noVersion(name, pattern, known, this.#unfetched);
      return { name, version, latest, candidate };
    });
  }

  async #candidates(names: readonly string[]): Promise<Record<string, string | undefined>> {
    const versions = await this.#ask(this.#dialect.candidates(names));
    return Object.fromEntries(names.flatMap((name) => (versions.has(name) ? [[name, versions.get(name)?.[0]]] : [])));
  }

  /** `words` is asked again for each try: it looks at the lists. */
  async #transaction(subject: string, words: () => Promise<Argv>): Promise<void> {
    await this.#repair(subject);
    if (this.#refreshed === undefined) await this.#refresh(subject);
    try {
      await this.#must(await words(), subject);
    } catch (error) {
      if (!mayPass(error)) throw error;
      // An archive that moved on since the lists were fetched has not what they name: new lists, one more time.
      await this.#repair(subject);
      await this.#refresh(subject);
      await this.#must(await words(), subject);
    }
  }

  /** `subject`: whatever cannot be done because of it, and has its pause then. */
  async #repair(subject: string): Promise<void> {
    const { repair } = this.#dialect;
    await this.#unlocked();
    for (const step of repair?.steps ?? []) {
      if (!(await repair?.isNeeded())) return;
      await this.#must(step, subject);
    }
  }

  async #refresh(subject: string): Promise<void> {
    const argv = this.#dialect.refresh;
    this.#tried = this.#tools.clock.elapsed();
    for (let attempt = 1; ; attempt++) {
      await this.#unlocked();
      const result = await this.#patient(argv, 10 * MINUTE);
      this.#unfetched = unfetchedIn(this.#dialect, result.output);
      if (this.#isDone(argv, result)) break;
      if (attempt >= REFRESH_TRIES) throw failed(this.#dialect, argv, subject, result);
      await this.#tools.clock.sleep(REFRESH_PAUSE_MS);
    }
    this.#refreshed = this.#tried;
  }

  /** Nothing depends on it but whether something newer is seen: an archive that is down must not hold up the rest. */
  async #refreshNowAndThen(): Promise<void> {
    if (this.#tried !== undefined && this.#tools.clock.elapsed() - this.#tried < LISTS_AGE_MS) return;
    await this.#refresh(EVERYTHING).catch((error: Error) => this.#tools.onWarning?.(error.message));
  }

  async #must(argv: Argv, subject: string): Promise<void> {
    await this.#unlocked();
    const result = await this.#patient(argv, HOUR);
    if (!this.#isDone(argv, result)) throw failed(this.#dialect, argv, subject, result, { unfetched: this.#unfetched });
  }

  #isDone(argv: Argv, result: RunResult): boolean {
    if (meaningOf(this.#dialect, result) !== 'done') return false;
    if (result.code !== 0)
      this.#tools.onWarning?.(`${argv[0]} did it, and ended with ${result.code}: ${result.output}`);
    return true;
  }

  /** A manager that waits for its lock does not say so: this wait is known. */
  async #unlocked(): Promise<void> {
    const from = this.#tools.clock.elapsed();
    while (this.#mayWait(from) && (await anyLocked(this.#dialect.locks ?? []))) await this.#waitForLock(from);
    this.#tools.patience?.over();
  }

  /** Not every manager waits by itself for every lock. */
  async #patient(argv: Argv, timeoutMs: number): Promise<RunResult> {
    const from = this.#tools.clock.elapsed();
    for (;;) {
      const result = await this.#call(argv, timeoutMs);
      if (meaningOf(this.#dialect, result) !== 'locked' || !this.#mayWait(from)) {
        this.#tools.patience?.over();
        return result;
      }
      await this.#waitForLock(from);
    }
  }

  #mayWait(from: number): boolean {
    return this.#tools.clock.elapsed() - from < LOCK_SECONDS * 1_000;
  }

  async #waitForLock(from: number): Promise<void> {
    this.#tools.patience?.missed(LOCKED, from);
    await this.#tools.clock.sleep(LOOK_AGAIN_MS);
  }

  async #ask<Answer>({ argv, read }: Question<Answer>): Promise<Answer> {
    return read((await this.#patient(argv, 5 * MINUTE)).stdout);
  }

  /** Without an answer there is nothing to go by: to take it for an empty one would install all of it anew. */
  async #allInstalled(): Promise<Versions> {
    const { argv, read } = this.#dialect.installed;
    const result = await this.#patient(argv, 5 * MINUTE);
    if (!this.#isDone(argv, result)) throw failed(this.#dialect, argv, EVERYTHING, result, { hint: UNREADABLE });
    return read(result.stdout);
  }

  async #call(argv: Argv, timeoutMs: number): Promise<RunResult> {
    const onOutput = (chunk: Buffer) => this.#tools.onOutput?.(chunk.toString('utf8'));
    return await run(argv, { timeoutMs, env: this.#dialect.environment, onOutput, keepBytes: 4 * 1024 * 1024 });
  }
}

const UNREADABLE = 'the package database of this instance has to be mended before anything is installed';

function subjectOf(names: readonly string[]): string {
  return names.map((name) => `package:${name}`).join(' ');
}

async function markOf(paths: readonly string[]): Promise<string> {
  const marks = await Promise.all(
    paths.map(async (path) => {
      const found = await stat(path, { bigint: true }).catch(() => undefined);
      return found ? `${found.ino} ${found.size} ${found.mtimeNs}` : '';
    }),
  );
  return marks.join('\n');
}
