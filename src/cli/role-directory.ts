import { open, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { directoryStore } from '../bucket/directory-store.ts';
import { listRole, type RoleListing } from '../bucket/listing.ts';
import { SPEC_PATH } from '../bucket/snapshot.ts';
import { HauloutError } from '../lib/errors.ts';

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
  const listing = await listRole(directoryStore(path));
  const spec = await readStart(join(path, SPEC_PATH), LARGEST_SPEC).catch((error) => {
    throw new HauloutError(
      {
        code: 'bad-configuration',
        step: 'spec',
        subject: join(directory, SPEC_PATH),
        reason: 'there is no such file',
        hint: `name a directory with a ${SPEC_PATH}, or make one: haulout init ${directory}`,
      },
      error,
    );
  });
  return { path, role: basename(path), listing, spec };
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
