import { readFile, rm } from 'node:fs/promises';
import { HauloutError } from '../lib/errors.ts';
import { run, SYSTEM_ENVIRONMENT } from '../lib/exec.ts';

const REMOVE_MS = 300_000;

/**
 * Removes a tree that belongs to a service's user, as root. The system's `rm` walks by descriptors, so a user who
 * swaps a directory for a link meanwhile leads it nowhere; Node's own removal walks by names.
 */
export async function removeTree(path: string): Promise<void> {
  const result = await run(['rm', '-rf', '--', path], { env: SYSTEM_ENVIRONMENT, timeoutMs: REMOVE_MS });
  if (result.code === 0) return;
  throw new HauloutError({
    code: 'remove-failed',
    step: 'service',
    subject: `file:${path}`,
    reason: `rm ended with code ${result.code ?? result.signal}`,
    hint: 'look at what is in the way there; it is tried again at the next sync',
  });
}

/** Our own staging directory: nobody else could get into it. */
export async function removeStage(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/** Whether a file system is mounted somewhere below `path`: then removing it would empty a volume. */
export async function holdsMount(path: string): Promise<boolean> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  return table.split('\n').some((line) => unescapeOctal(line.split(' ')[4] ?? '').startsWith(`${path}/`));
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
