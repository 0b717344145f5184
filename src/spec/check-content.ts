import { imageFindings } from './content-images.ts';
import { rootFindings } from './content-root.ts';
import { templateFindings } from './content-templates.ts';
import { topFindings } from './content-top.ts';
import type { FindingsOf } from './findings.ts';
import type { Spec } from './spec.ts';

/** One thing the prefix holds; the path is relative to it: `root/etc/motd`, `services/web.tgz`. */
export interface ContentEntry {
  readonly path: string;
  readonly size: number;
}

/** What the spec asks of the bucket and it does not hold, and what it holds that no instance could use. */
export function checkContent(spec: Spec, entries: readonly ContentEntry[]): FindingsOf {
  const paths = entries.filter((entry) => !isFolderMark(entry)).map(({ path }) => path);
  const found = [
    topFindings(paths),
    rootFindings(spec, paths),
    templateFindings(spec, entries),
    imageFindings(spec, paths),
  ];
  return {
    mistakes: found.flatMap(({ mistakes }) => mistakes),
    warnings: found.flatMap(({ warnings }) => warnings),
  };
}

/** Consoles make an empty object `root/etc/` when a person makes a folder. */
function isFolderMark({ path, size }: ContentEntry): boolean {
  return size === 0 && path.endsWith('/');
}
