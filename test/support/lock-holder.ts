/**
 * A program that tries for a lock, says `held` or `busy`, and keeps what it got until it is ended. Arguments: the path, and the
 * moment (ms since 1970) to try at, so that many can be started together. It leaves a child behind that must not have the lock.
 */
import { spawn } from 'node:child_process';
import { tryLock } from '../../src/agent/lock.ts';

const [path = '', at = '0', child = ''] = process.argv.slice(2);
await new Promise((resolve) => setTimeout(resolve, Math.max(0, Number(at) - Date.now())));
const lock = tryLock(path);
if (child !== '' && lock) {
  const left = spawn('sleep', [child], { detached: true, stdio: 'ignore' });
  process.stdout.write(`child ${left.pid}\n`);
  left.unref();
}
process.stdout.write(lock ? 'held\n' : 'busy\n');
if (lock) setInterval(() => undefined, 60_000);
