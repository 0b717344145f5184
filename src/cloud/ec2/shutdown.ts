import { HauloutError } from '../../lib/errors.ts';
import type { Box } from './hosts.ts';

/** EC2 gives an operating system some minutes before it pulls the plug. */
const LIMIT_MS = 90_000;
const COMMAND = '/usr/local/bin/haulout';

/** Lets the agent of an instance end its services before the plug is pulled. Without an agent there is nothing to end. */
export async function endServices(box: Box): Promise<void> {
  const script = `[ ! -x ${COMMAND} ] || exec ${COMMAND} shutdown --kind shutdown`;
  const result = await box.exec(['/bin/sh', '-c', script], { timeoutMs: LIMIT_MS });
  if (result.code === 0) return;
  throw new HauloutError({
    code: 'shutdown-failed',
    step: 'cloud',
    subject: COMMAND,
    reason: `its services were not ended (${result.timedOut ? 'too late' : (result.code ?? result.signal)}): ${result.output.trim().slice(-300)}`,
    hint: 'look at the console output of the instance; it is killed all the same',
  });
}
