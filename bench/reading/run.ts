import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Cost } from '../measure.ts';
import { measure } from '../measure.ts';
import type { ClientRuns, ReadingResult } from '../results.ts';
import { type Client, findClients } from './clients.ts';
import { FEW, type Filling, MANY } from './content.ts';

export interface ReadingOptions {
  readonly rounds: number;
  /** The bundled programs of this directory: the store and the look. */
  readonly programs: { readonly store: string; readonly look: string };
  readonly say: (line: string) => void;
}

interface Phase {
  readonly name: string;
  readonly filling: Filling;
  readonly before: 'nothing is there' | 'all is there' | 'one object changed';
}

const PHASES: readonly Phase[] = [
  { name: 'first sync', filling: MANY, before: 'nothing is there' },
  { name: 'no change', filling: MANY, before: 'all is there' },
  { name: 'one change', filling: MANY, before: 'one object changed' },
  { name: 'large objects', filling: FEW, before: 'nothing is there' },
];

/** Every client through every phase, client by client within a phase, in another order each round. */
export async function benchReading({ rounds, programs, say }: ReadingOptions): Promise<ReadingResult> {
  const scratch = mkdtempSync(join(tmpdir(), 'haulout-bench-'));
  const store = await Store.start(programs.store);
  try {
    const clients = findClients({ url: store.url, scratch, look: programs.look }, (what) => say(`SKIPPED  ${what}`));
    for (const { name, version } of clients) say(`client   ${name.padEnd(28)} ${version}`);
    const costs = new Map<string, Cost[]>();
    for (let round = 0; round < rounds; round++) {
      const order = clients.map((_, at) => clients[(at + round) % clients.length]!);
      await playRound(order, store, scratch, (phase, client, cost) => {
        const key = `${phase.name}\n${client.name}`;
        costs.set(key, [...(costs.get(key) ?? []), cost]);
        const figures = `${cost.cpu.toFixed(2)} s cpu, ${cost.wall.toFixed(2)} s, ${cost.rss.toFixed(0)} MiB`;
        say(`round ${round + 1}  ${phase.name.padEnd(14)} ${client.name.padEnd(28)} ${figures}`);
      });
    }
    const phases = PHASES.map(({ name, filling }) => ({
      name,
      objects: filling.names.length,
      size: filling.size,
      clients: clients.map((client): ClientRuns => {
        const { name: of, version } = client;
        return { name: of, version, runs: costs.get(`${name}\n${of}`) ?? [] };
      }),
    }));
    return { at: new Date().toISOString(), rounds, phases };
  } finally {
    await store.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function playRound(
  clients: readonly Client[],
  store: Store,
  scratch: string,
  told: (phase: Phase, client: Client, cost: Cost) => void,
): Promise<void> {
  for (const phase of PHASES) {
    if (phase.before === 'one object changed') {
      await store.touch(`${phase.filling.prefix}/${phase.filling.names[phase.filling.names.length >> 1]}`);
    }
    for (const client of clients) {
      const directory = join(scratch, `${client.name.replaceAll(' ', '-')}-${phase.filling.prefix}`);
      told(phase, client, await measure(client.sync(phase.filling.prefix, directory)));
      checkWhole(client, phase.filling, directory);
      if (phase.filling === FEW) rmSync(directory, { recursive: true });
    }
  }
  for (const name of readdirSync(scratch)) {
    if (name.endsWith(`-${MANY.prefix}`)) rmSync(join(scratch, name), { recursive: true });
  }
}

/** A client that left something out would be the fastest. */
function checkWhole(client: Client, filling: Filling, directory: string): void {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  // One object more is the haulout.ini; and what changed is kept by haulout beside what was there before.
  const least = filling.names.length + 1 + client.extra;
  if (files.length < least) throw new Error(`${client.name} left ${files.length} files, not ${least}`);
}

/** The process that all clients read from. */
class Store {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(url: string, child: ChildProcess, lines: AsyncIterator<string>) {
    this.url = url;
    this.#child = child;
    this.#lines = lines;
  }

  static async start(program: string): Promise<Store> {
    const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
    const reader: Interface = createInterface({ input: child.stdout! });
    const lines = reader[Symbol.asyncIterator]();
    const { value } = await lines.next();
    return new Store(String(value), child, lines);
  }

  async touch(key: string): Promise<void> {
    this.#child.stdin!.write(`touch ${key}\n`);
    const { value } = await this.#lines.next();
    if (value !== 'ok') throw new Error(`the store did not change ${key}: ${value}`);
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.stdin!.end();
    await gone;
  }
}
