import { HauloutError } from '../../lib/errors.ts';
import { type RunOptions, type RunResult, run, SYSTEM_ENVIRONMENT } from '../../lib/exec.ts';

const TIMEOUT_MS = 20_000;

/** Runs a program of this machine for `subject`; anything but exit code 0 is an error that shows the end of its output. */
export async function command(
  subject: string,
  argv: readonly [string, ...string[]],
  options: Partial<RunOptions> = {},
): Promise<RunResult> {
  const result = await run(argv, { timeoutMs: TIMEOUT_MS, env: SYSTEM_ENVIRONMENT, ...options });
  if (result.code === 0) return result;
  const how = result.timedOut ? 'took too long' : `failed (${result.code ?? result.signal})`;
  throw new HauloutError({
    code: 'local-cloud-command',
    step: 'cloud',
    subject,
    reason: `${argv[0]} ${how}: ${result.output.trim().slice(-500)}`,
    hint: 'run as root on a Linux machine that allows namespaces and mounts; in a container, start it with --privileged',
  });
}

/** One word for a POSIX shell, whatever is in it. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
