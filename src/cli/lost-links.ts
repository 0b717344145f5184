import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Mistake } from '../spec/spec.ts';
import type { RoleDirectory } from './role-directory.ts';

const ROOMS = ['root', 'services'];

/**
 * Links that lead to a directory, or to nothing: what a bucket holds is files, and of what is behind these it would get none. To whoever
 * deletes what the directory has not it would even be gone.
 */
export async function lostLinks({ path }: RoleDirectory): Promise<readonly Mistake[]> {
  const top = await linksIn(path, false);
  const inside = await Promise.all(ROOMS.map((room) => linksIn(join(path, room), true)));
  const links = [...top.filter((link) => ROOMS.includes(relative(path, link))), ...inside.flat()].sort();
  const lost: Mistake[] = [];
  for (const link of links) {
    const target = await stat(link).catch(() => undefined);
    if (target?.isFile()) continue;
    lost.push({
      at: { file: relative(path, link).split(sep).join('/'), line: 1, column: 1 },
      what: `this is a link to ${target ? 'a directory' : 'nothing'}: a bucket holds files alone, and gets nothing of it`,
      instead: 'put the files themselves there; a link on the machine is written `PATH = link=TARGET` under [files]',
    });
  }
  return lost;
}

async function linksIn(directory: string, recursive: boolean): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive }).catch(() => []);
  return entries.filter((entry) => entry.isSymbolicLink()).map((entry) => join(entry.parentPath, entry.name));
}
