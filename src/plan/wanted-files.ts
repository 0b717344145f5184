import type { Snapshot } from '../bucket/snapshot.ts';
import type { FileSpec, Spec } from '../spec/spec.ts';
import type { Content } from './facts.ts';
import type { OwnerNames } from './step.ts';

/** Everything the spec and the snapshot together say about one path. */
export type WantedFile = { readonly path: string } & (
  | {
      readonly kind: 'file';
      /** undefined: a template that is yet to be rendered with this machine's values. */
      readonly content: Content | undefined;
      readonly mode: number;
      readonly owner: OwnerNames;
    }
  | { readonly kind: 'directory'; readonly mode: number; readonly owner: OwnerNames }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'absent' }
);

const ROOT: OwnerNames = { user: 'root', group: 'root' };

/**
 * What stands under root/ is 0644 root:root; a line of `[files]` about the same path is its exception. Sorted so that a
 * directory comes before what it holds. A path that is named nowhere is nobody's business: absence is not an instruction.
 */
export function wantedFiles(
  spec: Pick<Spec, 'files'>,
  snapshot: Snapshot,
  rendered: Readonly<Record<string, Content>>,
): readonly WantedFile[] {
  const lines = new Map(spec.files.map((line) => [line.path, line]));
  const wanted = new Map<string, WantedFile>();
  for (const entry of snapshot.entries) {
    if (!entry.path.startsWith('root/')) continue;
    const path = entry.path.slice('root'.length);
    const line = lines.get(path);
    if (line && line.kind !== 'file' && line.kind !== 'template') continue;
    const content = line?.kind === 'template' ? rendered[path] : { sha256: entry.sha256, size: entry.size };
    wanted.set(path, { path, kind: 'file', content, mode: line?.mode ?? 0o644, owner: line?.owner ?? ROOT });
  }
  for (const line of spec.files) {
    const thing = withoutContent(line);
    if (thing) wanted.set(line.path, thing);
  }
  return [...wanted.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

function withoutContent(line: FileSpec): WantedFile | undefined {
  switch (line.kind) {
    case 'directory':
      return { path: line.path, kind: 'directory', mode: line.mode ?? 0o755, owner: line.owner ?? ROOT };
    case 'link':
      return { path: line.path, kind: 'link', target: line.target ?? '' };
    case 'absent':
      return { path: line.path, kind: 'absent' };
    default:
      return undefined; // a file or template gets its content from root/; without one there is nothing to put there
  }
}
