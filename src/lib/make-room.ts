import { lstatSync, rmSync, unlinkSync } from 'node:fs';

/**
 * Law 5: what stands where a file of ours belongs and is none goes away, a directory with all that is in it, a link by itself.
 * Not by `rmSync` alone: that of Node 24.9 leaves a link to nothing where it is.
 */
export function makeRoom(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found || found.isFile()) return;
  if (found.isDirectory()) rmSync(path, { recursive: true, force: true });
  else unlinkSync(path);
}
