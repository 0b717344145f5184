import { readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, startTime } from './machine/process.ts';

const NAME = /^haulout-cloud-(\d+)-(\d+)-(\d+)-/;

/**
 * Where a local cloud keeps what was uploaded: on disk, not in /run, because it may be large. The name says whose it is, so that
 * the next cloud clears what a killed one left. Where there is no /proc nobody can be told dead, and nothing is cleared.
 */
export async function makeDataDirectory(parent: string = tmpdir()): Promise<string> {
  const start = startTime(process.pid);
  if (start === undefined) return await mkdtemp(join(parent, 'haulout-cloud-'));
  await sweep(parent);
  return await mkdtemp(join(parent, `haulout-cloud-${pidNamespace()}-${process.pid}-${start}-`));
}

async function sweep(parent: string): Promise<void> {
  for (const name of readdirSync(parent)) {
    const [, namespace, pid, start] = NAME.exec(name) ?? [];
    if (pid === undefined || start === undefined || namespace !== pidNamespace() || isAlive(Number(pid), start))
      continue;
    // Another user's is not ours to clear, and no reason to stop.
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Containers may share a temporary directory, and then a pid of one says nothing in the other. */
function pidNamespace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
}
