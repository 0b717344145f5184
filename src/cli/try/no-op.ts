import type { Machine } from '../../cloud/local.ts';
import type { Trouble } from '../../lib/errors.ts';
import type { Status } from '../../status/status.ts';

const SYNC_LIMIT_MS = 10 * 60_000;
const LARGEST_STATUS = 8 * 1024 * 1024;

/** Law 1, proven: a second sync of a healthy instance does nothing. `trouble` says that it did, or did not answer. */
export async function syncAgain(machine: Machine): Promise<{ status?: Status; trouble?: Trouble }> {
  const argv = ['haulout', 'sync', '--json'];
  const { stdout } = await machine.exec(argv, { timeoutMs: SYNC_LIMIT_MS, keepBytes: LARGEST_STATUS });
  const status = parse(stdout);
  if (!status) return { trouble: NO_ANSWER };
  if (status.lastSync.steps === 0 && status.health === 'healthy') return { status };
  return { status, trouble: notIdempotent(status) };
}

const NO_ANSWER: Trouble = {
  code: 'no-answer',
  step: 'agent',
  subject: 'haulout sync',
  reason: 'the agent did not answer a second sync',
  hint: 'look at its own words: haulout try DIR --exec "haulout logs"',
};

function notIdempotent({ lastSync, trouble }: Status): Trouble {
  const { steps } = lastSync;
  return {
    code: 'not-idempotent',
    step: 'plan',
    subject: lastSync.changed[0] ?? trouble?.subject ?? '',
    reason: `the second sync took ${steps} step${steps === 1 ? '' : 's'}, and a no-op takes none`,
    hint: 'something on the machine changes what the spec says, a hook for instance: leave that to one of the two',
  };
}

function parse(text: string): Status | undefined {
  try {
    return JSON.parse(text) as Status;
  } catch {
    return undefined;
  }
}
