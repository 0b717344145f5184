import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { type RunOptions, type RunResult, run } from '../../lib/exec.ts';
import { joinLines } from './cgroup.ts';
import { command } from './command.ts';
import { BOUNDING_SET, PATH } from './scripts.ts';

/** Where a running instance is: its process 1 as this machine counts, and its cgroup, if it has one. */
export interface Inside {
  readonly pid: number;
  readonly cgroup: { readonly mountPoint: string; readonly name: string } | undefined;
}

export interface ExecOptions extends Partial<Omit<RunOptions, 'env' | 'cwd'>> {
  /** Added to PATH, HOME=/root and LANG. */
  readonly env?: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 60_000;
const ENVIRONMENT = { PATH, HOME: '/root', LANG: 'C.UTF-8' };

/** Runs a program in the instance, as its root user, at `/`. */
export function runInside(inside: Inside, argv: readonly string[], options: ExecOptions): Promise<RunResult> {
  const env = { ...ENVIRONMENT, ...options.env };
  return run(entering(inside, argv), { timeoutMs: TIMEOUT_MS, ...options, env });
}

export interface LookAroundOptions {
  /** Where its standard output goes: to ours, or to our standard error, when ours is for something else. */
  readonly stdout?: 'stdout' | 'stderr';
  readonly signal?: AbortSignal;
}

/** The same on the caller's own terminal, without a deadline: somebody looks around. Resolves to the exit code. */
export function lookAroundInside(
  inside: Inside,
  argv: readonly string[],
  options: LookAroundOptions = {},
): Promise<number | null> {
  const [program, ...rest] = entering(inside, argv);
  const env = { ...ENVIRONMENT, TERM: process.env['TERM'] ?? 'dumb' };
  const child = spawn(program, rest, {
    env,
    stdio: ['inherit', options.stdout === 'stderr' ? 2 : 'inherit', 'inherit'],
  });
  const stop = () => child.kill('SIGKILL');
  options.signal?.addEventListener('abort', stop, { once: true });
  return new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code));
  }).finally(() => options.signal?.removeEventListener('abort', stop));
}

const PLANT = `set -eu
umask 022
mkdir -p -- "$1"
umask 077
rm -f -- "$2"
cat > "$2"
chmod "$3" "$2"`;

/** Writes a file in the instance, in place of what stands there (a dangling link included); directories are made at need. */
export async function plantInside(
  inside: Inside,
  path: string,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  const script = ['/bin/sh', '-c', PLANT, 'sh', dirname(path), path, mode.toString(8)];
  const anywhere = { pid: inside.pid, cgroup: undefined }; // it is over at once: which cgroup it ran in nobody sees
  await command(`file:${path}`, entering(anywhere, script), { input: content, env: ENVIRONMENT });
}

function entering(inside: Inside, argv: readonly string[]): [string, ...string[]] {
  const enter = ['setpriv', BOUNDING_SET, 'nsenter', '--target', String(inside.pid), '--all', '--', ...argv];
  if (inside.cgroup === undefined) return enter as [string, ...string[]];
  const { mountPoint, name } = inside.cgroup;
  const script = `${joinLines(mountPoint, name)}\njoin_cgroup 2>/dev/null || :\nexec "$@"`;
  return ['unshare', '--mount', '--propagation', 'private', '--', '/bin/sh', '-c', script, 'sh', ...enter];
}
