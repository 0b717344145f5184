import { lstat, mkdir, mkdtemp, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory, TEMPORARY_PREFIX, temporaryBeside } from '../lib/durable.ts';
import { diskTrouble, errorCode, HauloutError } from '../lib/errors.ts';
import { syncTree } from '../lib/sync-tree.ts';
import { readArchive, readDirectory } from './archive.ts';
import { LIMITS, type Limits, Refusal, show } from './image-policy.ts';
import { contentOf, fillTree, type Owner, settleTree } from './image-tree.ts';
import { makeOpen } from './open-directory.ts';
import { holdsMount, removeStage, removeTree } from './remove-tree.ts';

export type ImageSource =
  | {
      readonly kind: 'archive';
      /** `planet.tgz`: its suffix says the format. */
      readonly name: string;
      /** Verified bytes on the local disk. */
      readonly path: string;
    }
  | { readonly kind: 'directory'; readonly files: readonly ImageFile[] };

export interface ImageFile {
  /** Relative to the image. */
  readonly path: string;
  /** Local file with verified bytes. */
  readonly content: string;
  readonly mode: number;
}

/**
 * `<services>/<id>` is a link to `.images/<id>/<digest>`. A new image is unpacked beside the old one, made whole on disk
 * and put in place by one rename, so nobody ever sees half of one, the old one is there for its `stop` hook, and going
 * back is one rename too.
 */
export interface ImagePlace {
  readonly services: string;
}

/**
 * The first half: the image is on disk, whole, and nobody uses it yet. Nothing happens when it is there already. Returns what
 * had to be mended, in words.
 */
export async function unpackImage(
  source: ImageSource,
  id: string,
  digest: string,
  owner: Owner,
  place: ImagePlace,
  limits: Limits = LIMITS,
): Promise<string[]> {
  await checkPlace(id, digest, owner, place);
  const target = imagePath(id, digest, place);
  if (await isOwnedBy(target, owner)) return [];
  await ensureHome(id, place);
  try {
    return await stageImage(source, target, owner, limits);
  } catch (error) {
    throw asImageError(error, id);
  }
}

/** Rejects where an image could not be put: for who would stop something for it. */
export async function checkPlace(id: string, digest: string, owner: Owner, place: ImagePlace): Promise<void> {
  checkNames(id, digest);
  await linkedDigest(id, place);
  const target = imagePath(id, digest, place);
  if (!(await isOwnedBy(target, owner)) && (await holdsMount(target))) throw mounted(id, 'given to another user');
}

/** The second half: the service directory means this image from now on. */
export async function switchImage(id: string, digest: string, place: ImagePlace): Promise<void> {
  checkNames(id, digest);
  if ((await linkedDigest(id, place)) === digest) return;
  const link = join(place.services, id);
  const temporary = temporaryBeside(link);
  await symlink(join('.images', id, digest), temporary);
  try {
    await rename(temporary, link);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(place.services);
}

/** The service is gone: its link and all of its images. Something else in the link's place is left where it is. */
export async function removeImage(id: string, place: ImagePlace): Promise<void> {
  const home = join(place.services, '.images', id);
  if (!ID.test(id) || (await linkedDigest(id, place).catch(() => 'foreign')) === 'foreign') return;
  if (await holdsMount(home)) throw mounted(id, 'removed');
  await rm(join(place.services, id), { force: true });
  await removeTree(home);
}

export interface InstalledImage {
  readonly digest: string;
  readonly uid: number;
}

/** The image that is in place; undefined when there is none, or something that is not ours. */
export async function installedImage(id: string, place: ImagePlace): Promise<InstalledImage | undefined> {
  const digest = await linkedDigest(id, place).catch(() => undefined);
  if (digest === undefined) return undefined;
  const there = await stat(imagePath(id, digest, place)).catch(() => undefined);
  return there?.isDirectory() ? { digest, uid: there.uid } : undefined;
}

export function imagePath(id: string, digest: string, place: ImagePlace): string {
  return join(place.services, '.images', id, digest);
}

async function stageImage(source: ImageSource, target: string, owner: Owner, limits: Limits): Promise<string[]> {
  const stage = await mkdtemp(join(dirname(target), TEMPORARY_PREFIX));
  try {
    const tree = join(stage, 'tree');
    await mkdir(tree, { mode: 0o700 });
    const pieces =
      source.kind === 'archive' ? readArchive(source.name, source.path, limits) : readDirectory(source.files, limits);
    await fillTree(tree, pieces, limits.entries);
    const content = await contentOf(tree);
    const notes = await settleTree(content, owner);
    await syncTree(content);
    if (await isThere(target)) await rename(target, join(stage, 'former'));
    await rename(content, target);
    await syncDirectory(dirname(target));
    return notes;
  } finally {
    await removeTree(stage).catch(() => removeStage(stage));
  }
}

const ID = /^[A-Za-z0-9_-]{1,64}$/;
const DIGEST = /^[0-9a-f]{64}$/;

function checkNames(id: string, digest: string): void {
  if (!ID.test(id)) throw new TypeError(`not a service id: ${show(id)}`);
  if (!DIGEST.test(digest)) throw new TypeError('an image digest is 64 hex digits');
}

/** What our link says, whether or not its target is there. Anything else in its place is somebody's, and stays. */
export async function linkedDigest(id: string, place: ImagePlace): Promise<string | undefined> {
  const path = join(place.services, id);
  const target = await readlink(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    if (errorCode(error) === 'EINVAL') throw foreign(id, path);
    throw error;
  });
  if (target === undefined) return undefined;
  const digest = target.startsWith(`.images/${id}/`) ? target.slice(`.images/${id}/`.length) : '';
  if (!DIGEST.test(digest)) throw foreign(id, path);
  return digest;
}

function foreign(id: string, path: string): HauloutError {
  return new HauloutError({
    code: 'image-place-taken',
    step: 'service',
    subject: `service:${id}`,
    reason: `${path} is there and was not put there by haulout`,
    hint: `move ${path} away, or give the service another name`,
  });
}

function mounted(id: string, what: string): HauloutError {
  const reason = `its image is not ${what}: a file system is mounted in it`;
  const hint = 'unmount it; it is tried again at the next sync';
  return new HauloutError({ code: 'image-in-use', step: 'service', subject: `service:${id}`, reason, hint });
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

/** An image whose service has another user now is unpacked again: its files must belong to that user. */
async function isOwnedBy(path: string, owner: Owner): Promise<boolean> {
  const there = await lstat(path).catch(() => undefined);
  return there?.isDirectory() === true && there.uid === owner.uid && there.gid === owner.gid;
}

/** `.images/<id>` must be root's own: whoever could write there could swap an image under us. */
async function ensureHome(id: string, place: ImagePlace): Promise<void> {
  for (const path of [place.services, join(place.services, '.images'), join(place.services, '.images', id)]) {
    await makeOpen(path);
    const there = await lstat(path);
    const ours = there.isDirectory() && there.uid === process.geteuid!() && (there.mode & 0o022) === 0;
    if (!ours && path !== place.services) throw foreign(id, path);
  }
}

function asImageError(error: unknown, id: string): unknown {
  if (error instanceof HauloutError) return error;
  const subject = `service:${id}`;
  if (error instanceof Refusal) {
    const trouble = { code: 'image-refused', step: 'service', subject, reason: `the image ${error.message}` };
    return new HauloutError({ ...trouble, hint: error.hint });
  }
  const disk = diskTrouble(error, 'service', subject);
  if (disk) return new HauloutError(disk, error);
  const code = errorCode(error);
  if (error instanceof Error && 'syscall' in error && code !== undefined) {
    const reason = `the image cannot be unpacked (${code})`;
    const hint = 'look at the disk and at the services directory';
    return new HauloutError({ code: 'image-unpack-failed', step: 'service', subject, reason, hint }, error);
  }
  const reason = `the image is not a well-formed archive: ${show(error instanceof Error ? error.message : 'unknown')}`;
  return new HauloutError({
    code: 'image-refused',
    step: 'service',
    subject,
    reason,
    hint: 'repack and upload it again',
  });
}
