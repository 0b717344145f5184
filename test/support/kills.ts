import { statSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { RoleUnderTest } from './role.ts';
import { randomFrom } from './seeded.ts';

const FILES = 50;
/** What a sync of all of them takes, about. */
const LONGEST_MS = 700;
const DIRECTORIES = ['/srv/walrus', '/etc/walrus', '/srv/walrus/deep/er'];

export interface KillCounts {
  readonly kills: number;
  /** Kills that fell when some files were new and some old. */
  readonly between: number;
  readonly untouched: number;
  readonly finished: number;
  /** Torn or foreign files, and what did not converge, in words. */
  readonly faults: readonly string[];
}

/** A role of many files, each of which says its generation from its first byte to its last. */
export class KillGround {
  readonly role: RoleUnderTest;
  readonly #random: () => number;
  #generation = 1;

  private constructor(role: RoleUnderTest, random: () => number) {
    this.role = role;
    this.#random = random;
  }

  static async open(seed: number): Promise<KillGround> {
    const role = await RoleUnderTest.boot({
      'haulout.ini': '[haulout]\nversion = 1\n[service.watcher]\nimage = services/watcher\nhealth = 0s\n',
      'services/watcher/bin/start': '#!/bin/sh\necho start >> /srv/starts\nsleep 77061 &\n',
      ...Object.fromEntries(paths().map((path, index) => [`root${path}`, content(index, 1)])),
    });
    const draw = randomFrom(seed);
    return new KillGround(role, () => draw(1_000) / 1_000);
  }

  /** So many uploads of a next generation, each with a SIGKILL of the agent at some moment of its sync. */
  async kill(times: number): Promise<KillCounts> {
    const counts = { kills: 0, between: 0, untouched: 0, finished: 0, faults: [] as string[] };
    for (let i = 0; i < times; i++) {
      await this.#upload();
      const agent = await this.role.agentOutside();
      const asked = this.role.exec('timeout 30 haulout sync').catch(() => undefined);
      // Every other kill falls among the renames, which are a matter of milliseconds, at a file of chance.
      if (i % 2 === 0) await this.#swapped(paths().sort()[Math.floor(this.#random() * FILES)]!);
      else await pause(this.#random() * LONGEST_MS);
      if (agent !== undefined) process.kill(agent, 'SIGKILL');
      await this.role.killAgent();
      counts.kills++;
      counts[await this.#look(counts.faults)]++;
      await this.role.startAgent();
      await asked;
      await this.#converged(counts.faults);
    }
    return counts;
  }

  async #upload(): Promise<void> {
    this.#generation++;
    for (const [index, path] of paths().entries()) await this.role.put(`root${path}`, content(index, this.#generation));
  }

  /** Another file stands at the path. */
  async #swapped(path: string): Promise<void> {
    const here = this.role.path(path);
    const { ino } = statSync(here);
    const end = performance.now() + 20_000;
    while (statSync(here, { throwIfNoEntry: false })?.ino === ino && performance.now() < end) await nextTurn();
  }

  async #look(faults: string[]): Promise<'between' | 'untouched' | 'finished'> {
    let fresh = 0;
    for (const [index, path] of paths().entries()) {
      const found = await this.role.read(path).catch(() => '(not there)');
      if (found === content(index, this.#generation)) fresh++;
      else if (found !== content(index, this.#generation - 1)) {
        faults.push(`generation ${this.#generation}: ${path} is torn: ${found.length} bytes, ${found.slice(0, 20)}`);
      }
    }
    return fresh === 0 ? 'untouched' : fresh === FILES ? 'finished' : 'between';
  }

  async #converged(faults: string[]): Promise<void> {
    const { health, trouble } = await this.role.sync();
    if (health !== 'healthy') faults.push(`generation ${this.#generation}: ${health}, ${trouble?.code}`);
    if ((await this.#look(faults)) !== 'finished') faults.push(`generation ${this.#generation}: did not converge`);
    const { lastSync } = await this.role.sync();
    if (lastSync.steps !== 0) faults.push(`generation ${this.#generation}: ${lastSync.steps} steps in a second sync`);
    const { stdout } = await this.role.exec(
      `find ${DIRECTORIES.join(' ')} /srv/services -name '.haulout-tmp-*'; wc -l < /srv/starts`,
    );
    if (stdout !== '1\n') faults.push(`generation ${this.#generation}: left over or started again: ${stdout}`);
  }
}

const paths = () =>
  Array.from({ length: FILES }, (_, index) => `${DIRECTORIES[index % DIRECTORIES.length]}/file-${index}.conf`);

/** About 64 KB. */
const content = (index: number, generation: number) => `file ${index} generation ${generation}\n`.repeat(2_600);
