import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TEMPORARY_PREFIX } from '../lib/durable.ts';
import { type ImagePlace, imagePath, linkedDigest, removeImage } from './image.ts';
import { holdsMount, removeTree } from './remove-tree.ts';

/**
 * Removes images that are no longer named and staging directories that a crash left. `keep` says which digests of a
 * service are wanted: none at all means that the service is gone, and its link goes with its images; else the image in
 * place stays, whatever `keep` says. An image with a volume mounted in it is left alone.
 */
export async function sweepImages(place: ImagePlace, keep: (id: string) => readonly string[]): Promise<void> {
  await removeTemporary(place.services);
  const home = join(place.services, '.images');
  for (const id of await namesIn(home)) await sweepService(place, id, keep(id));
}

async function sweepService(place: ImagePlace, id: string, wanted: readonly string[]): Promise<void> {
  const home = join(place.services, '.images', id);
  if (wanted.length === 0) {
    if (!(await holdsMount(home))) await removeImage(id, place);
    return;
  }
  const current = await linkedDigest(id, place).catch(() => undefined);
  await removeTemporary(home);
  for (const digest of await namesIn(home)) {
    const path = imagePath(id, digest, place);
    if (digest !== current && !wanted.includes(digest) && !(await holdsMount(path))) await removeTree(path);
  }
}

async function removeTemporary(directory: string): Promise<void> {
  for (const name of await namesIn(directory)) {
    if (name.startsWith(TEMPORARY_PREFIX)) await removeTree(join(directory, name));
  }
}

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}
