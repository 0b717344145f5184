import { open, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { directoryStore } from '../bucket/directory-store.ts';
import { listRole, type RoleListing } from '../bucket/listing.ts';
import { SPEC_PATH } from '../bucket/snapshot.ts';
import { errorCode, HauloutError } from '../lib/errors.ts';
import { SETTINGS } from '../userdata/settings.ts';

/** A directory as the desk sees it: what would be uploaded, and the spec in it. */
export interface RoleDirectory {
  readonly path: string;
  /** The directory's name: the role it is for. */
  readonly role: string;
  readonly listing: RoleListing;
  /** Bytes of haulout.ini. */
  readonly spec: Buffer;
}

const LARGEST_SPEC = 2 * 1024 * 1024;

export async function readRoleDirectory(directory: string): Promise<RoleDirectory> {
  const path = resolve(directory);
  const spec = await readStart(join(path, SPEC_PATH), LARGEST_SPEC).catch((error) => {
    const isMissing = ['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '');
    throw new HauloutError(
      {
        code: 'bad-configuration',
        step: 'spec',
        subject: join(directory, SPEC_PATH),
        reason: isMissing ? 'there is no such file' : `it cannot be read (${errorCode(error)})`,
        hint: `name a directory with a ${SPEC_PATH}, or make one: haulout init ${directory}`,
      },
      error,
    );
  });
  const listing = await listRole(directoryStore(path));
  return { path, role: basename(path), listing, spec };
}

/** A directory's name is its role, and its prefix in the bucket: that must be possible before anything is made of it. */
export function checkRoleName(path: string, step: string): void {
  const check = SETTINGS.find(({ name }) => name === 'HAULOUT_ROLE')?.check;
  if (check?.(basename(path)) === undefined) return;
  throw new HauloutError({
    code: 'usage',
    step,
    subject: path,
    reason: "the directory's name is the role, and this name cannot be one",
    hint: 'give it another name: letters, digits, dot, dash and underscore, 63 at most',
  });
}

/** The first bytes of a file: enough for a spec, or for what a hook begins with. */
export async function readStart(path: string, most: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(Math.min(most, (await file.stat()).size));
    await file.read(buffer, 0, buffer.length, 0);
    return buffer;
  } finally {
    await file.close();
  }
}

export async function isExecutable(path: string): Promise<boolean> {
  return ((await stat(path)).mode & 0o111) !== 0;
}
