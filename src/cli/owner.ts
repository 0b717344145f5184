import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

/** Which run of a command works at what is written down in the state. */
export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** Of this run alone. */
  readonly id: string;
  /** ISO 8601: when it last said so. */
  readonly at: string;
}

/** This run. */
export function newOwner(): Omit<Owner, 'at'> {
  return { host: hostname(), pid: process.pid, id: randomUUID() };
}

/** Of this machine, and ended: killed. Elsewhere only silence tells. */
export function isDead({ host, pid }: Pick<Owner, 'host' | 'pid'>): boolean {
  if (host !== hostname() || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
