import { lstatSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { quote } from './command.ts';
import type { Hidden } from './hidden.ts';

/*
 * The instance's file system: one overlay over the root, and one over each part of the system that is a mount of its own, because
 * an overlay does not look into mounts below it. Shell lines for the private mount namespace are made here.
 */

/** Where the file system is put together, all of them below the instance's own directory. */
export interface Places {
  /** The root seen by the instance. */
  readonly root: string;
  /** What it writes: a tmpfs, or a directory that is kept. */
  readonly disk: string;
  /** The image, when it is not this machine's own root. */
  readonly lower: string;
}

/** Mounts of real file systems below these are part of the system; others (a volume at /data) stay out of sight. */
const SYSTEM_TREES = ['/usr', '/etc', '/var', '/opt', '/nix'];
const PSEUDO =
  /^(proc|sysfs|tmpfs|devtmpfs|devpts|mqueue|cgroup2?|autofs|fuse.*|nfs.*|cifs|squashfs|overlay\.none|nsfs|bpf)$/;

/** Parts of this machine's system that are mounts of their own, outer ones first. */
export function systemMounts(mountInfo: string = readFileSync('/proc/self/mountinfo', 'utf8')): string[] {
  const found = new Set<string>();
  for (const line of mountInfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const path = unescaped(left.split(' ')[4] ?? '');
    const type = right.split(' ')[0] ?? '';
    const isSystem = SYSTEM_TREES.some((tree) => path === tree || path.startsWith(`${tree}/`));
    if (isSystem && !PSEUDO.test(type) && lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) found.add(path);
  }
  return [...found].sort();
}

/** mountinfo writes blanks and the like as \040. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Mounts the overlays at `places.root`; what is hidden is whited out before, and made again empty where it must exist. */
export function overlayLines(
  places: Places,
  image: string,
  mounts: readonly string[],
  hidden: readonly Hidden[],
): string[] {
  const layers = ['/', ...mounts];
  const layerOf = (path: string) => layers.findLast((layer) => layer === '/' || path.startsWith(`${layer}/`)) ?? '/';
  const visible = layers.filter(
    (layer) => !hidden.some((entry) => layer === entry.path || layer.startsWith(`${entry.path}/`)),
  );
  return [
    ...visible.flatMap((layer, index) => {
      const upper = join(places.disk, String(index), 'upper');
      const concealed = hidden.filter((entry) => layerOf(entry.path) === layer);
      return [
        `mkdir -p ${quote(upper)} ${quote(join(places.disk, String(index), 'work'))}`,
        ...concealed.flatMap((entry) =>
          whiteOut(upper, join(image, layer), entry.path.slice(layer === '/' ? 0 : layer.length)),
        ),
        mountOverlay(join(image, layer), join(places.disk, String(index)), join(places.root, layer)),
      ];
    }),
    ...hidden.flatMap((entry) => madeAgain(places.root, entry)),
  ];
}

function mountOverlay(lower: string, disk: string, at: string): string {
  const options = `lowerdir=${lower},upperdir=${disk}/upper,workdir=${disk}/work`;
  return `mount -t overlay haulout -o ${quote(options)} ${quote(at)}`;
}

/** A character device 0:0 in the upper layer is the overlay's word for "not there". On a kept disk it may stand already. */
function whiteOut(upper: string, lower: string, path: string): string[] {
  const target = quote(join(upper, path));
  return [
    ...ancestors(path).flatMap((above) => likeBelow(upper, lower, above)),
    `[ -e ${target} ] || mknod ${target} c 0 0`,
  ];
}

/** A directory of the upper layer lends its mode and owner to the merged one: it must have those of the lower. */
function likeBelow(upper: string, lower: string, path: string): string[] {
  const status = lstatSync(join(lower, path), { throwIfNoEntry: false });
  const target = quote(join(upper, path));
  const mode = ((status?.mode ?? 0o755) & 0o7777).toString(8);
  return [
    `[ -d ${target} ] || { mkdir -m ${mode} ${target}; chown ${status?.uid ?? 0}:${status?.gid ?? 0} ${target}; }`,
  ];
}

function ancestors(path: string): string[] {
  const above = dirname(path);
  return above === '/' ? [] : [...ancestors(above), above];
}

function madeAgain(root: string, { path, again }: Hidden): string[] {
  if (again === undefined) return [];
  const target = quote(join(root, path));
  const mode = again.mode.toString(8);
  return [`[ -d ${target} ] || { mkdir -m ${mode} ${target}; chown ${again.uid}:${again.gid} ${target}; }`];
}
