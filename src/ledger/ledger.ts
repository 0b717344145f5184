import type { Snapshot } from '../bucket/snapshot.ts';
import { DISK_CODES } from '../lib/errors.ts';

/**
 * What happened to each subject so far. Law 2: wanted, on disk and last activated are three facts, so a failed activation is
 * tried again although the bytes already match.
 */
export interface Ledger {
  readonly schema: 1;
  /** The instance this was written on: a disk that was cloned into another instance starts afresh. */
  readonly instanceId: string;
  /** The one upgrade of the first boot has run. */
  readonly upgraded: boolean;
  readonly subjects: Readonly<Record<string, SubjectRecord>>;
  readonly content: ContentRecord;
}

export interface SubjectRecord {
  /** What was last asked for: a file's sha256, a package's version or word, a job's definition, a service's state. */
  readonly wanted: string;
  /** What was last put there. */
  readonly onDisk?: string;
  /** What was last activated with success. */
  readonly activated?: string;
  /** For a service: what it was activated with, by subject; a difference is the `why` of the next activation. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** For a file that a service has yet to accept: what stood there before, to go back to. */
  readonly previous?: PreviousFile;
  /** For a file where nothing stood: digest of the content that brought it, until some content is proven. */
  readonly brought?: string;
  /** For a registration: what takes the machine out again. */
  readonly announced?: Announced;
  readonly failures?: Failures;
}

/** What is needed where the spec says something else by now, or nothing. */
export interface Announced {
  /** A command line for /bin/sh; absent: nothing is to be run. */
  readonly down?: string;
  readonly user: string;
  readonly timeoutMs: number;
  /** In which period of `renew` it was last announced. */
  readonly period?: number;
}

export type PreviousFile =
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'file';
      readonly sha256: string;
      readonly size: number;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly kind: 'link'; readonly target: string };

export interface Failures {
  /** Failures in a row with the same content. */
  readonly count: number;
  readonly code: string;
  /** Digest of the snapshot it failed with: other content is tried at once. */
  readonly content: string;
  /** Wall clock, milliseconds: no try before. */
  readonly nextTry: number;
  /** Since its last success it was acted upon: not only refused by `validate`, before it saw anything. */
  readonly reached: boolean;
}

export interface ContentRecord {
  /** The last snapshot that converged whole, checks held: what "last proven content" means. */
  readonly proven?: string;
  /** Rounds that failed with the snapshot of that digest. */
  readonly failing?: { readonly digest: string; readonly rounds: number };
  /** Snapshots that are not tried again until the bucket holds something else. */
  readonly setAside: Readonly<Record<string, { readonly at: string; readonly code: string; readonly subject: string }>>;
}

export const ROUNDS_BEFORE_SET_ASIDE = 3;
const BACK_OFF_BASE_MS = 5_000;
export const BACK_OFF_CAP_MS = 15 * 60_000;

export function emptyLedger(instanceId: string): Ledger {
  return { schema: 1, instanceId, upgraded: false, subjects: {}, content: { setAside: {} } };
}

/** Many at once: a first sync has thousands. */
export function withSubjects(ledger: Ledger, records: Iterable<readonly [string, SubjectRecord]>): Ledger {
  return { ...ledger, subjects: { ...ledger.subjects, ...Object.fromEntries(records) } };
}

export function withoutSubject(ledger: Ledger, subject: string): Ledger {
  return {
    ...ledger,
    subjects: Object.fromEntries(Object.entries(ledger.subjects).filter(([key]) => key !== subject)),
  };
}

/** Without files that nobody speaks of any more: names with a digest in them would fill a disk in the end, and the ledger. */
export function withFilesOf(ledger: Ledger, paths: Readonly<Record<string, unknown>>): Ledger {
  const entries = Object.entries(ledger.subjects);
  const kept = entries.filter(([subject, { brought }]) => {
    return !subject.startsWith('file:') || brought !== undefined || subject.slice('file:'.length) in paths;
  });
  return kept.length === entries.length ? ledger : { ...ledger, subjects: Object.fromEntries(kept) };
}

/** All that is there belongs to what is proven now. */
export function withNothingBrought(ledger: Ledger): Ledger {
  const subjects = Object.entries(ledger.subjects).map(([subject, { brought: _, ...rest }]) => [subject, rest]);
  return { ...ledger, subjects: Object.fromEntries(subjects) };
}

/** The activation of `wanted` succeeded: failures are over. */
export function activated(wanted: string): SubjectRecord {
  return { wanted, onDisk: wanted, activated: wanted };
}

export function failed(
  ledger: Ledger,
  subject: string,
  failure: { readonly wanted: string; readonly code: string; readonly content: string; readonly now: number },
): Ledger {
  const before = ledger.subjects[subject];
  const { wanted, code, content, now } = failure;
  const count = before?.failures?.content === content ? before.failures.count + 1 : 1;
  const pause = Math.min(BACK_OFF_CAP_MS, BACK_OFF_BASE_MS * 2 ** (count - 1));
  const reached = code !== 'validate-failed' || before?.failures?.reached === true;
  const failures = { count, code, content, nextTry: now + pause, reached };
  return withSubjects(ledger, [[subject, { ...before, wanted, failures }]]);
}

/** May this subject be tried now? A clock that was set back must not keep it waiting for longer than the longest pause. */
export function isDue(record: SubjectRecord | undefined, content: string, now: number): boolean {
  if (!record?.failures || record.failures.content !== content) return true;
  return now >= record.failures.nextTry || record.failures.nextTry - now > BACK_OFF_CAP_MS;
}

/** A whole round with `digest` failed. After three it is set aside, if there is proven content to return to. */
export function contentFailed(
  content: ContentRecord,
  digest: string,
  failure: { code: string; subject: string; at: string },
): ContentRecord {
  const rounds = content.failing?.digest === digest ? content.failing.rounds + 1 : 1;
  const { failing: _, ...rest } = content;
  if (rounds < ROUNDS_BEFORE_SET_ASIDE || content.proven === undefined || content.proven === digest) {
    return { ...rest, failing: { digest, rounds } };
  }
  return { ...rest, setAside: { ...content.setAside, [digest]: failure } };
}

export function contentProven(content: ContentRecord, digest: string): ContentRecord {
  return { proven: digest, setAside: keepRecent(content.setAside) };
}

/**
 * What failed for a reason that may lie outside of it (an archive of packages that cannot be reached) is not given up for
 * good: it has its three rounds again every hour.
 */
const PASSING = new Set(['packages-failed', 'packages-timeout', 'packages-locked', 'content-missing', ...DISK_CODES]);
const TRY_AGAIN_MS = 3_600_000;

export function isSetAside(content: ContentRecord, digest: string, now: number): boolean {
  const aside = content.setAside[digest];
  if (!aside) return false;
  const since = now - Date.parse(aside.at);
  return !PASSING.has(aside.code) || (since >= 0 && since < TRY_AGAIN_MS);
}

/** Which snapshot to bring about: the bucket's, unless it was set aside or is unusable; then the last proven one. */
export function chooseContent(
  content: ContentRecord,
  candidate: Snapshot | undefined,
  proven: Snapshot | undefined,
  now: number,
): { readonly snapshot: Snapshot; readonly choice: 'bucket' | 'proven' } | undefined {
  if (candidate && !isSetAside(content, candidate.digest, now)) return { snapshot: candidate, choice: 'bucket' };
  return proven ? { snapshot: proven, choice: 'proven' } : candidate && { snapshot: candidate, choice: 'bucket' };
}

function keepRecent(setAside: ContentRecord['setAside']): ContentRecord['setAside'] {
  return Object.fromEntries(Object.entries(setAside).slice(-20));
}
