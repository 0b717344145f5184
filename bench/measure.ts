import { spawn } from 'node:child_process';

/** What one run of a program cost, everything it started included. */
export interface Cost {
  /** Processor seconds, user and system. */
  readonly cpu: number;
  readonly user: number;
  readonly system: number;
  /** Seconds by the wall clock. */
  readonly wall: number;
  /** MiB, of the largest single process. */
  readonly rss: number;
}

export interface Command {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** wait4(2) says what a child and all it waited for have used; Node does not hand that out, Python does. */
const WAIT4 = `
import json, os, sys, time
started = time.monotonic()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(pid, 0)
wall = time.monotonic() - started
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime, used.ru_stime, wall, used.ru_maxrss / 1024]), file=sys.stderr)
`;
const LONGEST_MS = 1_200_000;

/** Runs it once, with nothing of this process's environment. Rejects when it fails: a run that failed costs nothing. */
export function measure({ argv, env }: Command): Promise<Cost> {
  const child = spawn('python3', ['-c', WAIT4, ...argv], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LONGEST_MS,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4_096);
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      const numbers = /\[(-?\d+), ([\d.e-]+), ([\d.e-]+), ([\d.e-]+), ([\d.e-]+)\]\s*$/
        .exec(said)
        ?.slice(1)
        .map(Number);
      const [code, user = 0, system = 0, wall = 0, rss = 0] = numbers ?? [];
      if (code === 0) resolve({ cpu: user + system, user, system, wall, rss });
      else reject(new Error(`${argv[0]} ended with ${code ?? 'no word'}: ${said}`));
    });
  });
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
