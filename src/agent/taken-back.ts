import { type Snapshot, SPEC_PATH } from '../bucket/snapshot.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { FileSpec, Spec } from '../spec/spec.ts';

/**
 * The way back from content that was set aside (law 2): what only that has brought, where nothing stood, is absent again. Left there
 * it would go on to break what watches its directory, and the proven content with it.
 */
export function withTakenBack(spec: Spec, snapshot: Snapshot, { subjects, content }: Ledger): Spec {
  if (content.proven !== snapshot.digest) return spec;
  const brought = Object.keys(subjects).filter((subject) => (subjects[subject]?.brought ?? '') in content.setAside);
  if (brought.length === 0) return spec;
  const wanted = new Set(snapshot.entries.map(({ path }) => `file:${path.slice('root'.length)}`));
  for (const { path } of spec.files) wanted.add(`file:${path}`);
  return { ...spec, files: [...spec.files, ...brought.filter((subject) => !wanted.has(subject)).map(absent)] };
}

function absent(subject: string): FileSpec {
  const nothing = { mode: undefined, owner: undefined, target: undefined };
  return {
    path: subject.slice('file:'.length),
    kind: 'absent',
    ...nothing,
    at: { file: SPEC_PATH, line: 1, column: 1 },
  };
}
