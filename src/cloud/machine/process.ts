import { readFileSync } from 'node:fs';

/** When a process began, in ticks since boot (field 22 of proc(5)); undefined when there is none, or only its exit status is left. */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** A pid names a process only together with its start time: pids are used again. */
export function isAlive(pid: number, start: string): boolean {
  return startTime(pid) === start;
}
