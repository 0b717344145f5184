import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { onTestFinished } from 'vitest';

/** A TypeScript program of the tests as one file that Node runs by itself. */
export async function bundled(source: string, outfile: string): Promise<string> {
  await build({ entryPoints: [source], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
  return outfile;
}

export interface Child {
  readonly pid: number;
  /** The next line it prints; undefined when it has ended. */
  line(): Promise<string | undefined>;
  /** By its own id, and waits for its end. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** A Node process that ends with the test at the latest. */
export function startChild(script: string, argv: readonly string[], how: SpawnOptions = {}): Child {
  const child: ChildProcess = spawn(process.execPath, [script, ...argv], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...how,
  });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
  };
  onTestFinished(() => kill());
  const line = async () => {
    const { value, done } = await lines.next();
    return done ? undefined : String(value);
  };
  return { pid: child.pid!, line, kill };
}
