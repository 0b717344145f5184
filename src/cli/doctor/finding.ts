import type { Patient } from './patient.ts';

export type Result = 'ok' | 'warn' | 'fail';

/** One thing that was looked at: what was seen, and what to do about it. Never holds a secret. */
export interface Finding {
  readonly check: string;
  readonly result: Result;
  readonly seen: string;
  /** What to do now, as an order; there is one unless the result is ok. */
  readonly next?: string;
}

/** To add a check: a file here and a row in the table of checks.ts. */
export interface Check {
  /** What must be there for it to have a point: nothing, any answer, or a bucket that knows these keys. */
  readonly needs: 'nothing' | 'answer' | 'bucket';
  run(patient: Patient): Promise<readonly Finding[]> | readonly Finding[];
}

export function ok(check: string, seen: string): Finding {
  return { check, result: 'ok', seen };
}

export function warn(check: string, seen: string, next: string): Finding {
  return { check, result: 'warn', seen, next };
}

export function fail(check: string, seen: string, next: string): Finding {
  return { check, result: 'fail', seen, next };
}
