import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { TryEvent } from '../../src/cli/try/events.ts';
import { dist } from './role.ts';

export const CLI = join(dist, 'cli.mjs');

export type EventOf<Name extends TryEvent['event']> = Extract<TryEvent, { event: Name }>;

/** The interface of `haulout try --events`: what every event has, and what each kind has beside. */
const EVERY = { schema: 'number', event: 'string', at: 'string', instanceId: 'string', role: 'string' };
const STORE = {
  endpoint: 'string',
  bucket: 'string',
  region: 'string',
  accessKeyId: 'string',
  secretAccessKey: 'string',
};
const FIELDS: Readonly<Record<TryEvent['event'], Readonly<Record<string, string>>>> = {
  cloud: STORE,
  launched: { address: 'string' },
  phase: { phase: 'string', subject: 'string', ms: 'number', sinceLaunchMs: 'number', ok: 'boolean' },
  ready: { ...STORE, prefix: 'string', bootMs: 'number', url: 'string or null' },
  synced: { changed: 'strings', requests: 'number', bytes: 'number', ms: 'number' },
  failed: { code: 'string', step: 'string', subject: 'string', cause: 'string', hint: 'string' },
  terminated: {},
};

/** Fails unless the line is one event with all that it must have. */
function readEvent(line: string): TryEvent {
  const event = JSON.parse(line) as TryEvent;
  const fields = FIELDS[event.event];
  expect(fields, `there is an event ${event.event}`).toBeDefined();
  const values = event as unknown as Readonly<Record<string, unknown>>;
  for (const [name, kind] of Object.entries({ ...EVERY, ...fields }))
    expect(kinds(values[name]), `${name} of ${line}`).toContain(kind);
  expect(event.schema).toBe(1);
  expect(new Date(event.at).toISOString()).toBe(event.at);
  return event;
}

function kinds(value: unknown): string[] {
  if (value === null) return ['string or null'];
  if (typeof value === 'string') return ['string', 'string or null'];
  const isStrings = Array.isArray(value) && value.every((item) => typeof item === 'string');
  return isStrings ? ['strings'] : [typeof value];
}

const running = new Set<TryProcess>();

/** Ends what a failed test left running. */
export async function endAll(): Promise<void> {
  for (const child of running) child.signal('SIGTERM');
  await Promise.all([...running].map((child) => child.ended));
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** `haulout try` as a process of its own, as people and programs start it. */
export class TryProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  constructor(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [CLI, 'try', ...words], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        running.delete(this);
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** What it has said so far with --events. */
  get events(): TryEvent[] {
    return this.stdout.split('\n').slice(0, -1).map(readEvent);
  }

  all<Name extends TryEvent['event']>(name: Name): EventOf<Name>[] {
    return this.events.filter((event): event is EventOf<Name> => event.event === name);
  }

  /** The first event of that kind, of those after the first `after`, that is as wanted. */
  async next<Name extends TryEvent['event']>(
    name: Name,
    how: { after?: number; timeoutMs?: number; where?: (event: EventOf<Name>) => boolean } = {},
  ): Promise<EventOf<Name>> {
    const { after = 0, timeoutMs = 60_000, where = () => true } = how;
    return await this.until(() => this.all(name).slice(after).find(where), `event ${name}`, timeoutMs);
  }

  /** Asks again and again; fails with all that was said when it ends or time is up before. */
  async until<T>(look: () => T | undefined, what: string, timeoutMs = 60_000): Promise<T> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (performance.now() > end || !running.has(this))
        throw new Error(`no ${what}; it said:\n${this.stdout.slice(-4_000)}\n${this.stderr.slice(-4_000)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** A path of its instance, as this machine sees it. */
  path(path: string): string {
    for (const pid of descendants(this.pid)) {
      const words = read(`/proc/${pid}/cmdline`);
      if (words.includes('/var/lib/haulout/agent/') && words.endsWith('\0run\0'))
        return join(`/proc/${pid}/root`, path);
    }
    throw new Error('the instance has no agent');
  }
}

/** Runs it to its end. */
export async function tryToEnd(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<TryProcess & Ended> {
  const child = new TryProcess(words, env);
  return Object.assign(child, await child.ended);
}

/** All processes below `pid`, those of its instances included. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const isBelow = (child: number): boolean => {
    const parent = parents.get(child);
    return parent !== undefined && parent > 0 && (parent === pid || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
