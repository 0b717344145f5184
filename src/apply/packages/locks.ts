import { readdir, readFile, readlink, stat } from 'node:fs/promises';

/** Does another process hold a record lock on one of these files? */
export async function anyLocked(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) if (await isLocked(path)) return true;
  return false;
}

/** /proc/locks names files by inode (proc(5)), and a file on another disk may have the same: the holder must have this one open. */
async function isLocked(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return false;
  const locks = await readFile('/proc/locks', 'utf8').catch(() => '');
  const lines = locks.matchAll(/ POSIX +ADVISORY +WRITE (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /g);
  for (const [, holder, inode] of lines) if (Number(inode) === found.ino && (await hasOpen(holder!, path))) return true;
  return false;
}

async function hasOpen(process: string, path: string): Promise<boolean> {
  const directory = `/proc/${process}/fd`;
  const descriptors = await readdir(directory).catch(() => []);
  const files = await Promise.all(descriptors.map((name) => readlink(`${directory}/${name}`).catch(() => '')));
  return files.includes(path);
}
