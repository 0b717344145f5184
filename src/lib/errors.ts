/**
 * What went wrong, in the four words a person needs at 3 a.m.: which step, on what, why, and what to do now.
 * Never put a value that may be secret in any of them: names, numbers and digests only.
 */
export interface Trouble {
  /** Stable and greppable, kebab-case: `metadata-unreachable`, `spec-invalid`, `hook-timeout`. Part of the interface. */
  readonly code: string;
  /** The station it happened at: `metadata`, `bucket`, `spec`, `plan`, `packages`, `files`, `service`, `job`, `status` ... */
  readonly step: string;
  /** A subject as in DESIGN §1 (`file:/etc/motd`, `package:nginx`, `service:web`, `spec:haulout.ini:3:1`) or a bucket key. */
  readonly subject: string;
  /** One sentence without a final full stop. */
  readonly reason: string;
  /** What to do now, as an order: "write ... instead", "run ...". */
  readonly hint: string;
}

export class HauloutError extends Error implements Trouble {
  override readonly name = 'HauloutError';
  readonly code: string;
  readonly step: string;
  readonly subject: string;
  readonly reason: string;
  readonly hint: string;

  constructor(trouble: Trouble, cause?: unknown) {
    super(`${trouble.step}: ${trouble.subject}: ${trouble.reason}`, cause === undefined ? undefined : { cause });
    this.code = trouble.code;
    this.step = trouble.step;
    this.subject = trouble.subject;
    this.reason = trouble.reason;
    this.hint = trouble.hint;
  }
}

/** Any thrown thing as a Trouble: our own kept as they are, a stranger's message wrapped with the step it happened at. */
export function asTrouble(error: unknown, step: string, subject: string): Trouble {
  if (error instanceof HauloutError) {
    const { code, step, subject, reason, hint } = error;
    return { code, step, subject, reason, hint };
  }
  return {
    code: errorCode(error) ?? 'unexpected',
    step,
    subject,
    reason: error instanceof Error ? error.message : String(error),
    hint: 'this is a fault of haulout if it stays: report it with the output of `haulout logs`',
  };
}

/** Node's error code (`ENOENT`, `ECONNREFUSED` ...), if it has one. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
