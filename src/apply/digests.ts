import { lstat, opendir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256File } from '../lib/digest.ts';
import type { FileFact } from '../plan/facts.ts';

/** How long a digest that was taken by looking at the bytes is believed on the word of inode, size and times. */
const BELIEVED_MS = 20 * 3_600_000;

interface Known {
  readonly mark: string;
  readonly sha256: string;
  readonly at: number;
}

/**
 * Facts about paths. A file whose inode, size, mtime and ctime are as before has the digest it had before; a no-op sync of
 * ten thousand files is then ten thousand lstat calls and no reading. Once a day every byte is looked at all the same.
 */
export class FileObserver {
  readonly #root: string;
  readonly #now: () => number;
  #known = new Map<string, Known>();

  constructor(root: string, elapsed: () => number) {
    this.#root = root;
    this.#now = elapsed;
  }

  async look(path: string): Promise<FileFact> {
    const here = join(this.#root, path);
    const found = await lstat(here, { bigint: true }).catch(() => undefined);
    if (!found) return { kind: 'absent' };
    const owner = { mode: Number(found.mode) & 0o7777, uid: Number(found.uid), gid: Number(found.gid) };
    if (found.isSymbolicLink()) return { kind: 'link', target: await readlink(here).catch(() => '') };
    if (found.isDirectory()) return { kind: 'directory', ...owner };
    if (!found.isFile()) return { kind: 'other' };
    const mark = `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
    const known = this.#known.get(path);
    if (known?.mark === mark && this.#now() - known.at < BELIEVED_MS) {
      return { kind: 'file', sha256: known.sha256, size: Number(found.size), ...owner };
    }
    const sha256 = await sha256File(here).catch(() => undefined);
    if (sha256 === undefined) return { kind: 'absent' }; // it went away between two looks
    this.#known.set(path, { mark, sha256, at: this.#now() });
    return { kind: 'file', sha256, size: Number(found.size), ...owner };
  }

  /** Every file and link below `base` that `matches`, at most `limit` of them. Links to directories are not entered. */
  async find(base: string, matches: (path: string) => boolean, limit: number): Promise<string[]> {
    const found: string[] = [];
    const enter = [base];
    while (enter.length > 0 && found.length < limit) {
      const directory = enter.pop()!;
      const open = await opendir(join(this.#root, directory)).catch(() => undefined);
      if (!open) continue;
      for await (const entry of open) {
        const path = directory === '/' ? `/${entry.name}` : `${directory}/${entry.name}`;
        if (entry.isDirectory()) enter.push(path);
        else if (matches(path) && found.push(path) >= limit) break;
      }
    }
    return found.sort();
  }
}
