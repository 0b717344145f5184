import { makeSnapshot, type Snapshot, type SnapshotEntry } from './snapshot.ts';

/** The entries of a service image that is a directory, with paths relative to it. Empty for an archive. */
export function imageEntries(snapshot: Snapshot, image: string): SnapshotEntry[] {
  const base = `${image}/`;
  return snapshot.entries
    .filter(({ path }) => path.startsWith(base))
    .map((entry) => ({ ...entry, path: entry.path.slice(base.length) }));
}

/** The archive of that path, if it is one. */
export function imageArchive(snapshot: Snapshot, image: string): SnapshotEntry | undefined {
  return snapshot.entries.find(({ path }) => path === image);
}

/** Equal for equal images: of an archive its bytes, of a directory its tree. Undefined: there is no such image. */
export function imageDigest(snapshot: Snapshot, image: string): string | undefined {
  const archive = imageArchive(snapshot, image);
  if (archive) return archive.sha256;
  const entries = imageEntries(snapshot, image);
  return entries.length === 0 ? undefined : makeSnapshot(entries).digest;
}

/** Digests of all images under services/, directories and archives alike. */
export function allImageDigests(snapshot: Snapshot): string[] {
  const names = new Set<string>();
  for (const { path } of snapshot.entries) {
    const [room, name] = path.split('/');
    if (room === 'services' && name !== undefined) names.add(`services/${name}`);
  }
  return [...names].flatMap((name) => imageDigest(snapshot, name) ?? []);
}
