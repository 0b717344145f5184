import { sha256 } from '../lib/digest.ts';

/** One object of a role, by content. `path` is relative to the prefix: `haulout.ini`, `root/etc/motd`. */
export interface SnapshotEntry {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  /** Permission bits by where it stands: S3 keeps none. */
  readonly mode: number;
  /** What the store called these bytes; only for knowing them again, not part of the digest. */
  readonly etag: string;
}

/** What the prefix held at one moment. */
export interface Snapshot {
  /** One digest over the sorted list: "has anything changed" is one comparison. */
  readonly digest: string;
  readonly entries: readonly SnapshotEntry[];
}

export const SPEC_PATH = 'haulout.ini';

export function makeSnapshot(entries: readonly SnapshotEntry[]): Snapshot {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return { digest: digestOf(sorted), entries: sorted };
}

/** Of entries that are sorted by path. */
export function digestOf(sorted: readonly SnapshotEntry[]): string {
  return sha256(sorted.map((e) => `${e.mode.toString(8)} ${e.sha256} ${e.size} ${e.path}\n`).join(''));
}

/** DESIGN §5: S3 loses exec bits, so where a file stands says whether it can be run. */
export function modeOf(path: string): number {
  return /^services\/[^/]+\/(bin|etc\/(services|run|promise))\/./.test(path) ? 0o755 : 0o644;
}
