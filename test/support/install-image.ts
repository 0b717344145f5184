import { type ImagePlace, type ImageSource, switchImage, unpackImage } from '../../src/services/image.ts';
import type { Limits } from '../../src/services/image-policy.ts';
import type { Owner } from '../../src/services/image-tree.ts';

/** Both halves at once, where a test has nothing to look at in between. */
export async function installImage(
  source: ImageSource,
  id: string,
  digest: string,
  owner: Owner,
  place: ImagePlace,
  limits?: Limits,
): Promise<string[]> {
  const notes = await unpackImage(source, id, digest, owner, place, limits);
  await switchImage(id, digest, place);
  return notes;
}
