/** A root of one's own, a cache, and the hand that writes from the one to the other: for tests of apply/files.ts. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Accounts } from '../../src/apply/accounts.ts';
import { FileWriter } from '../../src/apply/files.ts';
import { ContentCache } from '../../src/bucket/cache.ts';
import type { Step } from '../../src/plan/step.ts';
import { scratch } from './scratch.ts';

type WriteStep = Extract<Step, { do: 'write-file' }>;
type DirectoryStep = Extract<Step, { do: 'make-directory' }>;

export const accounts: Accounts = {
  users: new Map([
    ['root', { uid: 0, gid: 0 }],
    ['www', { uid: 33, gid: 34 }],
  ]),
  groups: new Map([
    ['root', 0],
    ['www', 35],
  ]),
};
const ROOT = { user: 'root', group: 'root' };
export const WWW = { user: 'www', group: 'www' };

interface Desk {
  readonly here: string;
  readonly cache: ContentCache;
  readonly writer: FileWriter;
  /** A step for content that is in the cache. */
  step(path: string, text: string, more?: Partial<WriteStep>): Promise<WriteStep>;
}

export function desk(here = scratch()): Desk {
  const cache = new ContentCache(join(scratch(), 'objects'));
  const writer = new FileWriter(here, cache);
  const step = async (path: string, text: string, more: Partial<WriteStep> = {}): Promise<WriteStep> => {
    const digest = await cache.keep(Buffer.from(text));
    const about = { subject: `file:${path}`, why: 'test', do: 'write-file', heldFor: [] } as const;
    return { ...about, path, sha256: digest, size: text.length, mode: 0o644, owner: ROOT, ...more };
  };
  return { here, cache, writer, step };
}

export function directory(path: string, mode: number, owner = ROOT): DirectoryStep {
  return { subject: `file:${path}`, why: 'test', do: 'make-directory', path, mode, owner };
}

export function look(path: string): string {
  const { mode, uid, gid } = lstatSync(path);
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
}
