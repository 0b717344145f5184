import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { HauloutError } from '../../lib/errors.ts';
import { type Hidden, hiddenOfImage, hiddenOfThisMachine, isHidden, nodeNames } from './hidden.ts';
import { systemMounts } from './layers.ts';
import type { StartPlan } from './scripts.ts';

export interface DiskOptions {
  /** A directory that is the image, instead of this machine's own root. It is not written to. */
  readonly root?: string;
  /** A directory that holds what the instance writes and stays; launched again with it, the instance has its disk back. */
  readonly keep?: string;
  /** Free space of the disk when it is not kept. Default 4096. It is memory. */
  readonly diskMiB?: number;
  /** More paths of this machine to hide. */
  readonly hide?: readonly string[];
  /** No Node on the instance, as on most images. */
  readonly withoutNode?: boolean;
}

const DISK_MIB = 4_096;

export function startPlan(
  options: DiskOptions,
  { directory, ...own }: Pick<StartPlan, 'hostname' | 'cgroup' | 'script'> & { readonly directory: string },
): StartPlan {
  const image = options.root === undefined ? '/' : imageAt(options.root);
  const more = [...(options.hide ?? []), ...(options.withoutNode ? nodeNames() : [])];
  const hidden =
    image === '/' ? hiddenOfThisMachine([...checkoutOf(process.cwd()), ...more]) : hiddenOfImage(image, more);
  return {
    places: { root: join(directory, 'root'), disk: join(directory, 'disk'), lower: join(directory, 'lower') },
    image,
    keep: options.keep === undefined ? undefined : resolve(options.keep),
    diskMiB: options.diskMiB ?? DISK_MIB,
    mounts: image === '/' ? systemMounts() : [],
    hidden,
    shown: options.withoutNode ? {} : nodeToShow(image, hidden),
    bootId: randomUUID(),
    mark: `\x1e${randomBytes(8).toString('hex')} `,
    ...own,
  };
}

/** /bin/sh may be a link that is right only inside: it is not followed. */
function imageAt(root: string): string {
  if (lstatSync(join(root, 'bin/sh'), { throwIfNoEntry: false })) return realpathSync(root);
  throw new HauloutError({
    code: 'launch-refused',
    step: 'cloud',
    subject: root,
    reason: 'this is not a root file system: it has no /bin/sh',
    hint: 'name a directory that debootstrap or mmdebstrap made, or an unpacked container image',
  });
}

/** Our own Node at /usr/local/bin, when the instance would find none on its PATH. */
function nodeToShow(image: string, hidden: readonly Hidden[]): Record<string, string> {
  const found = nodeNames().some((name) => isSeen(join(image, name), image, hidden));
  return found ? {} : { '/usr/local/bin/node': realpathSync(process.execPath) };
}

function isSeen(path: string, image: string, hidden: readonly Hidden[]): boolean {
  if (!existsSync(path)) return false;
  return image !== '/' || (!isHidden(path, hidden) && !isHidden(realpathSync(path), hidden));
}

/** The top of the source tree somebody works in, if it stands in a part of the system that instances see (/opt/project, /usr/src/x). */
export function checkoutOf(directory: string): string[] {
  const depth = directory.split('/').filter(Boolean).length;
  if (depth < 2) return [];
  return existsSync(join(directory, '.git')) ? [directory] : checkoutOf(dirname(directory));
}
