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
  const disk = diskTrouble(error, step, subject);
  if (disk) return disk;
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

interface DiskWord {
  readonly code: string;
  readonly reason: string;
  readonly hint: string;
}

const FULL: DiskWord = {
  code: 'disk-full',
  reason: 'a disk is full, of bytes or of inodes',
  hint: 'make room on the instance (`df -h`, `df -i`); nothing else is to be done, it is tried again',
};
/** errno(3): what is wrong with the disk, whatever was about to be written. */
const WORDS: Readonly<Record<string, DiskWord>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EROFS: {
    code: 'disk-read-only',
    reason: 'a file system is read-only',
    hint: 'look at `dmesg` and `/proc/mounts` on the instance: a disk with errors is often mounted so; or launch another instance',
  },
  EIO: {
    code: 'disk-broken',
    reason: 'a disk has errors',
    hint: 'launch another instance with the same script: nothing of value is on this one',
  },
};

export const DISK_CODES: readonly string[] = [...new Set(Object.values(WORDS).map(({ code }) => code))];

/** undefined: it is none. */
export function diskTrouble(error: unknown, step: string, subject: string): Trouble | undefined {
  const system = errorCode(error) ?? '';
  const word = WORDS[system];
  if (!word) return undefined;
  const path = typeof error === 'object' && error !== null && 'path' in error ? `: ${String(error.path)}` : '';
  return { code: word.code, step, subject, reason: `${word.reason} (${system}${path})`, hint: word.hint };
}
