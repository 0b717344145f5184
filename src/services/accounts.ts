import { readFile } from 'node:fs/promises';
import { HauloutError } from '../lib/errors.ts';
import { run, SYSTEM_ENVIRONMENT } from '../lib/exec.ts';

/** A user of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  /** The primary group. */
  readonly gid: number;
  readonly home: string;
}

const ASK_MS = 20_000;

/** By name: the local table first, then whatever else the machine asks (directories, via getent). */
export async function accountOf(name: string, subject: string): Promise<Account> {
  const local = find(await readFile('/etc/passwd', 'utf8').catch(() => ''), name);
  if (local !== undefined) return local;
  if (/^[A-Za-z0-9_][A-Za-z0-9_.@\\-]*\$?$/.test(name)) {
    const asked = await run(['getent', 'passwd', name], { env: SYSTEM_ENVIRONMENT, timeoutMs: ASK_MS }).catch(
      () => undefined,
    );
    const remote = find(asked?.stdout ?? '', name);
    if (remote !== undefined) return remote;
  }
  throw new HauloutError({
    code: 'user-unknown',
    step: 'service',
    subject,
    reason: 'its user does not exist on this machine',
    hint: 'correct `user`, or install the package that brings the user',
  });
}

function find(table: string, name: string): Account | undefined {
  for (const line of table.split('\n')) {
    const [login, , uid, gid, , home] = line.split(':');
    if (login === name && uid && gid) return { name, uid: Number(uid), gid: Number(gid), home: home || '/' };
  }
  return undefined;
}
