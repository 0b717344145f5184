import type { Status } from '../../status/status.ts';
import { type Condition, conditionOf, leaseEnd, rowOf } from './row.ts';

/** Why an instance is as it is: the parts of its status that answer that, put together. */
export interface Explanation {
  readonly condition: Condition;
  /** When the store got its last word, and now, by the store's clock. */
  readonly heard: number;
  readonly now: number;
  /** When its lease ends, or ended, by that clock; undefined: it has none. */
  readonly leaseEnds: number | undefined;
  /** undefined: nothing went wrong in its last round. */
  readonly failing?: Failing;
}

export interface Failing {
  readonly step: string;
  readonly subject: string;
  readonly code: string;
  readonly reason: string;
  readonly hint: string;
  /** What it was done for. */
  readonly why?: string;
  readonly exitCode?: number;
  /** The last lines of what it said, redacted by the instance. */
  readonly output: readonly string[];
  /** How often it failed, and when it is tried again. */
  readonly failures?: number;
  /** ISO 8601. */
  readonly nextTry?: string;
}

const MOST_OUTPUT_LINES = 40;

export function explanationOf(status: Status, heard: number, now: number): Explanation {
  const failing = failingOf(status);
  const condition = conditionOf(rowOf(status, heard), now);
  return { condition, heard, now, leaseEnds: leaseEnd(status, heard), ...(failing ? { failing } : {}) };
}

function failingOf({ trouble, timeline, waiting, content }: Status): Failing | undefined {
  const [first] = waiting;
  if (!trouble && !first) return undefined;
  const subject = trouble?.subject ?? first!.subject;
  const again = waiting.find((entry) => entry.subject === subject);
  const why = timeline.find((entry) => !entry.ok && entry.subject === subject)?.why;
  const exitCode = exitCodeIn(trouble?.reason ?? '');
  const words = trouble ?? {
    code: first!.code,
    step: 'waiting',
    reason: `it failed in an earlier round${content.setAside ? ', and the content was set aside' : ''}`,
    hint: 'it is tried again by itself; the end of its output is in `haulout logs` on the instance',
  };
  return {
    step: words.step,
    subject,
    code: words.code,
    reason: words.reason,
    hint: words.hint,
    ...(why === undefined ? {} : { why }),
    ...(exitCode === undefined ? {} : { exitCode }),
    output: (trouble?.output ?? '').split('\n').filter(Boolean).slice(-MOST_OUTPUT_LINES),
    ...(again ? { failures: again.failures, nextTry: new Date(again.nextTry).toISOString() } : {}),
  };
}

/** Hooks, units and package managers say it so in their reason; the status has no field of its own for it. */
function exitCodeIn(reason: string): number | undefined {
  const code = /\bended with (?:code )?(\d{1,3})\b/.exec(reason)?.[1];
  return code === undefined ? undefined : Number(code);
}
