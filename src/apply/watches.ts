import picomatch from 'picomatch';
import type { FileObserver } from './digests.ts';

const MOST_WATCHED = 10_000;

/** The `watch` of a service, taken apart once: globs over paths, and names of packages. */
export interface Watches {
  readonly matches: (path: string) => boolean;
  readonly globs: readonly string[];
  readonly packages: readonly string[];
}

export function readWatches(watch: readonly string[]): Watches {
  const globs = watch.filter((item) => item.startsWith('/'));
  const packages = watch.filter((item) => item.startsWith('package:')).map((item) => item.slice('package:'.length));
  return { globs, packages, matches: globs.length === 0 ? () => false : picomatch([...globs], { dot: true }) };
}

/** What is there now, by subject: `file:/path` with a digest of content or link. Ours and others' alike. */
export async function lookAtWatched(watches: Watches, observer: FileObserver): Promise<Record<string, string>> {
  const watched: Record<string, string> = {};
  for (const base of bases(watches.globs)) {
    for (const path of await observer.find(base, watches.matches, MOST_WATCHED)) watched[`file:${path}`] = '';
  }
  for (const glob of watches.globs) if (!picomatch.scan(glob).isGlob) watched[`file:${glob}`] = '';
  for (const subject of Object.keys(watched)) {
    const fact = await observer.look(subject.slice('file:'.length));
    if (fact.kind === 'file') watched[subject] = fact.sha256;
    else if (fact.kind === 'link') watched[subject] = `link ${fact.target}`;
    else delete watched[subject];
  }
  return watched;
}

/** The directories to walk: the part of each glob before its first special character, without those inside another. */
function bases(globs: readonly string[]): string[] {
  const all = globs
    .filter((glob) => picomatch.scan(glob).isGlob)
    .map((glob) => `/${picomatch.scan(glob).base.replace(/^\/+/, '')}`);
  return [...new Set(all)].filter((base) => !all.some((other) => other !== base && base.startsWith(`${other}/`)));
}
