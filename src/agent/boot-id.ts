import { readFile } from 'node:fs/promises';
import { HauloutError } from '../lib/errors.ts';

/** The kernel's name for this boot (random(4)). */
export async function readBootId(): Promise<string> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  const id = text.trim();
  if (/^[0-9a-f-]{36}$/.test(id)) return id;
  throw new HauloutError({
    code: 'not-linux',
    step: 'agent',
    subject: '/proc/sys/kernel/random/boot_id',
    reason: 'this is not a Linux machine with /proc',
    hint: 'the agent runs on Linux instances',
  });
}
