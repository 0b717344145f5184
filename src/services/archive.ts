import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { archiveBudget, Budget, type Limits, Refusal } from './image-policy.ts';

/** What every source of an image comes down to: an entry, its bytes, its end; then the next. */
export type Piece =
  | { readonly kind: 'file'; readonly name: string; readonly executable: boolean }
  | { readonly kind: 'directory'; readonly name: string }
  | { readonly kind: 'data'; readonly chunk: Uint8Array }
  | { readonly kind: 'end' };

type Format = 'tar' | 'gzip' | 'bzip2' | 'zip';

const SUFFIXES: readonly (readonly [string, Format])[] = [
  ['.tar', 'tar'],
  ['.tar.gz', 'gzip'],
  ['.tgz', 'gzip'],
  ['.tar.bz2', 'bzip2'],
  ['.zip', 'zip'],
];

/** The format by the archive's name; what the bytes look like is never asked, so one name has one meaning. */
function formatOf(name: string): Format {
  const found = SUFFIXES.find(([suffix]) => name.toLowerCase().endsWith(suffix));
  if (found === undefined) {
    throw new Refusal('is an archive of an unknown kind', `name it ${SUFFIXES.map(([suffix]) => suffix).join(', ')}`);
  }
  return found[1];
}

/** The pieces of an archive; its reader (and the npm package behind it) is loaded when the first one is unpacked. */
export async function* readArchive(name: string, path: string, limits: Limits): AsyncGenerator<Piece> {
  const format = formatOf(name);
  const { size } = await stat(path);
  if (format === 'zip') {
    const { readZip } = await import('./read-zip.ts');
    yield* readZip(path, limits, archiveBudget(size, limits));
  } else {
    const { readTar } = await import('./read-tar.ts');
    yield* readTar(path, format, limits, archiveBudget(size, limits));
  }
}

/** A directory of the bucket in the same words. */
export async function* readDirectory(
  files: readonly { readonly path: string; readonly content: string; readonly mode: number }[],
  limits: Limits,
): AsyncGenerator<Piece> {
  const budget = new Budget(limits.bytes);
  for (const file of files) {
    yield { kind: 'file', name: file.path, executable: (file.mode & 0o111) !== 0 };
    for await (const chunk of createReadStream(file.content)) {
      budget.spend(chunk.length);
      yield { kind: 'data', chunk };
    }
    yield { kind: 'end' };
  }
}
