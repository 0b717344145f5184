import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Users and groups of the machine, by name. Read from /etc as it stands: a package may just have made one. */
export interface Accounts {
  readonly users: ReadonlyMap<string, { readonly uid: number; readonly gid: number }>;
  readonly groups: ReadonlyMap<string, number>;
}

export async function readAccounts(root: string): Promise<Accounts> {
  const users = new Map<string, { uid: number; gid: number }>();
  for (const [name, , uid, gid] of await lines(join(root, 'etc/passwd'))) {
    if (name && isId(uid) && isId(gid)) users.set(name, { uid: Number(uid), gid: Number(gid) });
  }
  const groups = new Map<string, number>();
  for (const [name, , gid] of await lines(join(root, 'etc/group')))
    if (name && isId(gid)) groups.set(name, Number(gid));
  return { users, groups };
}

async function lines(path: string): Promise<string[][]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').map((line) => line.split(':'));
}

function isId(text: string | undefined): boolean {
  return text !== undefined && /^\d{1,10}$/.test(text);
}
