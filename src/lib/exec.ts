import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { closeWriteEnd, openPipe, type Pipe } from './pipe.ts';

export interface RunOptions {
  /** Wall time before TERM; KILL follows `graceMs` later. There is no default: every wait has a deadline (law 9). */
  readonly timeoutMs: number;
  readonly graceMs?: number;
  readonly cwd?: string;
  /** The whole environment of the child: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Bytes for standard input; without them it is /dev/null. */
  readonly input?: string | Uint8Array;
  /** How much of the end of the output is kept. Default 64 KiB. */
  readonly keepBytes?: number;
  /** Called with each piece of output as it comes. */
  readonly onOutput?: (chunk: Buffer) => void;
  readonly signal?: AbortSignal;
  /** Output goes through one pipe that this user may open as /dev/stdout and /dev/stderr: for scripts of others. */
  readonly outputOf?: { readonly uid: number; readonly gid: number };
}

export interface RunResult {
  /** Exit code, or null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  /** Standard output and error as they came, the last `keepBytes` of them, UTF-8. */
  readonly output: string;
  /** Standard output alone, the last `keepBytes` of it. */
  readonly stdout: string;
  readonly durationMs: number;
}

/** A clean environment for programs of the system: never ours, which may hold what does not concern them. */
export const SYSTEM_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};

const DRAIN_MS = 200;

/**
 * Runs a program to its end in a process group of its own. Rejects only when it cannot be started (ENOENT, EACCES ...).
 * Waits for `exit`, not `close`: a daemon that inherited the pipes would hold `close` for ever. What the group leaves
 * running after a time-out is killed with it.
 */
export function run(argv: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> {
  const started = performance.now();
  const keep = options.keepBytes ?? 65_536;
  const both = new Tail(keep);
  const out = new Tail(keep);
  const pipe = options.outputOf ? openPipe(options.outputOf) : undefined;
  const child = start(argv, options, pipe);
  const [output, errors] = pipe ? [pipe.reader, null] : [child.stdout, child.stderr];
  output?.on('data', (chunk: Buffer) => {
    both.push(chunk);
    out.push(chunk);
    options.onOutput?.(chunk);
  });
  errors?.on('data', (chunk: Buffer) => {
    both.push(chunk);
    options.onOutput?.(chunk);
  });
  // EPIPE: the program did not read what it was given. Its exit code tells what it thinks of that.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input);

  return new Promise((resolve, reject) => {
    let timedOut = false;
    let killTimer: NodeJS.Timeout | undefined;
    const stop = () => {
      killGroup(child, 'SIGTERM');
      killTimer = setTimeout(() => killGroup(child, 'SIGKILL'), options.graceMs ?? 5_000);
    };
    const timer = setTimeout(() => {
      timedOut = true;
      stop();
    }, options.timeoutMs);
    let aborted = false;
    const onAbort = () => {
      aborted = true;
      stop();
    };
    if (options.signal?.aborted) onAbort();
    else options.signal?.addEventListener('abort', onAbort, { once: true });
    const clear = () => {
      clearTimeout(timer);
      clearTimeout(killTimer);
      options.signal?.removeEventListener('abort', onAbort);
    };
    child.once('error', (error) => {
      clear();
      output?.destroy();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      clear();
      if (timedOut || aborted) killGroup(child, 'SIGKILL');
      void drained([output, errors]).then(() => {
        const durationMs = performance.now() - started;
        resolve({ code, signal, timedOut, output: both.text(), stdout: out.text(), durationMs });
      });
    });
  });
}

function start(argv: readonly [string, ...string[]], options: RunOptions, pipe: Pipe | undefined): ChildProcess {
  const [program, ...rest] = argv;
  const output = pipe?.writeEnd ?? 'pipe';
  const settings: SpawnOptions = {
    env: { ...options.env },
    detached: true, // a group of its own, so that it can be ended whole
    stdio: [options.input === undefined ? 'ignore' : 'pipe', output, output],
  };
  if (options.cwd !== undefined) settings.cwd = options.cwd;
  try {
    return spawn(program, rest, settings);
  } finally {
    if (pipe) closeWriteEnd(pipe);
  }
}

/** Until all was read, but not for a daemon that keeps its end open. */
async function drained(streams: readonly (Readable | null)[]): Promise<void> {
  const open = streams.filter(
    (stream): stream is Readable => stream !== null && !stream.readableEnded && !stream.destroyed,
  );
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, DRAIN_MS);
  });
  const ends = open.map((stream) => new Promise<void>((resolve) => stream.once('close', () => resolve())));
  await Promise.race([patience, Promise.all(ends)]);
  clearTimeout(timer);
  for (const stream of streams) stream?.destroy();
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: the group is gone already, which is what was wanted.
  }
}

/** The last `limit` bytes of a stream. */
class Tail {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size - this.#chunks[0]!.length >= this.#limit) this.#size -= this.#chunks.shift()!.length;
  }

  text(): string {
    return Buffer.concat(this.#chunks).subarray(-this.#limit).toString('utf8');
  }
}
