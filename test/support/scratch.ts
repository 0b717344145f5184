import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A directory of the test's own, open to other users, gone afterwards. */
export function scratch(parent = tmpdir()): string {
  const directory = realpathSync(mkdtempSync(join(parent, 'haulout-test-')));
  chmodSync(directory, 0o755);
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function put(path: string, content: string | Buffer, mode = 0o644): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

/** Every path below a directory, sorted; directories end in a slash, and each has its mode: `bin/start 755`. */
export function treeOf(directory: string): string[] {
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true });
  const lines = entries.map((entry) => {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(directory.length + 1) + (entry.isDirectory() ? '/' : '');
    return `${name} ${entry.isSymbolicLink() ? 'link' : (statSync(path).mode & 0o7777).toString(8)}`;
  });
  return lines.sort();
}

/** Asks again and again until it holds. */
export async function eventually(holds: () => boolean | Promise<boolean>, limitMs = 5_000): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    if (await holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

/** A zombie is dead: it only waits for its parent to notice. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/\) [ZX]/.test(stat);
  } catch {
    return false;
  }
}
