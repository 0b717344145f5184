import { lstatSync, readdirSync, realpathSync, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/*
 * What of this machine an instance does not see. A throw-away instance stands on this machine's own root so that it starts in
 * half a second and has its packages; but what belongs to the people and services of this machine is none of its business.
 * This is for decency, not a wall: the instance's root user shares the kernel with this machine.
 */

/** Something to hide, as it stands in the lower root. */
export interface Hidden {
  /** Absolute in the instance; no symbolic link on the way to it. */
  readonly path: string;
  /** Made again, empty, if given. */
  readonly again?: { readonly mode: number; readonly uid: number; readonly gid: number };
}

/** Top-level names that make up the system. Everything else at the top (/home, /srv, /work ...) is hidden. */
const SYSTEM = new Set(['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'usr', 'etc', 'var', 'opt', 'nix']);
/** Mounted anew in every instance. */
const MOUNTED = new Set(['proc', 'sys', 'dev', 'run']);

/** Empty directories that an instance has whether this machine has them or not. */
const STANDARD: Readonly<Record<string, number>> = {
  '/boot': 0o755,
  '/home': 0o755,
  '/root': 0o700,
  '/tmp': 0o1777,
  '/var/tmp': 0o1777,
  '/mnt': 0o755,
  '/media': 0o755,
  '/srv': 0o755,
};

/** Keys, passwords, and the data of services, of container engines and of haulout itself. */
const PRIVATE = [
  '/etc/apt/auth.conf',
  '/etc/apt/auth.conf.d',
  '/etc/boto.cfg',
  '/etc/credstore',
  '/etc/credstore.encrypted',
  '/etc/haulout',
  '/etc/krb5.keytab',
  '/etc/kubernetes',
  '/etc/letsencrypt',
  '/etc/NetworkManager/system-connections',
  '/etc/openvpn',
  '/etc/rancher',
  '/etc/wireguard',
  '/usr/home',
  '/var/backups',
  '/var/home',
  '/var/lib/cloud',
  '/var/lib/containerd',
  '/var/lib/docker',
  '/var/lib/haulout',
  '/var/lib/kubelet',
  '/var/lib/libvirt',
  '/var/lib/NetworkManager',
  '/var/lib/sss',
  '/var/lib/systemd/credential.secret',
  '/var/mail',
  '/var/roothome',
  '/var/spool/cron/crontabs',
];
/** Containers have this file to forbid that packages start their services; an instance is a machine, there they start. */
const POLICY = '/usr/sbin/policy-rc.d';

/** For an instance over this machine's own root. `more`: paths the caller wants hidden besides. */
export function hiddenOfThisMachine(more: readonly string[]): Hidden[] {
  const top = readdirSync('/').filter((name) => !SYSTEM.has(name) && !MOUNTED.has(name));
  const wanted = [
    ...Object.keys(STANDARD),
    ...top.map((name) => `/${name}`),
    ...PRIVATE,
    ...below('/etc/ssh', /^ssh_host_.*_key$/),
    ...below('/etc/ssl/private', /^(?!ssl-cert-snakeoil\.key$)/),
    POLICY,
    ...more,
  ];
  return resolved('/', wanted);
}

/** For an instance over a root directory that was made for it: only what hinders. */
export function hiddenOfImage(root: string, more: readonly string[]): Hidden[] {
  return resolved(root, [POLICY, ...more]);
}

/** Every `node` an instance would find on its PATH, for the option that takes it away. */
export function nodeNames(): string[] {
  const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  return directories.flatMap((directory) => [`${directory}/node`, `${directory}/nodejs`]);
}

/** Whether `path` is out of sight, itself or with a directory above it. */
export function isHidden(path: string, hidden: readonly Hidden[]): boolean {
  return hidden.some((entry) => path === entry.path || path.startsWith(`${entry.path}/`));
}

function below(directory: string, names: RegExp): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => names.test(name))
      .map((name) => join(directory, name));
  } catch {
    return [];
  }
}

/** The wanted paths with their links followed, each once, none below another, those that exist or must exist. */
function resolved(root: string, wanted: readonly string[]): Hidden[] {
  const found = new Map<string, Hidden>();
  for (const path of wanted) {
    const entry = resolve(root, path);
    if (entry && !found.has(entry.path)) found.set(entry.path, entry);
  }
  const all = [...found.values()];
  return all.filter((entry) => !all.some((other) => entry.path.startsWith(`${other.path}/`)));
}

function resolve(root: string, path: string): Hidden | undefined {
  const real = withRealParent(root, path);
  const status = real === undefined ? undefined : statusOf(join(root, real));
  if (real === undefined || (status === undefined && STANDARD[path] === undefined)) return undefined;
  const standard = STANDARD[path];
  if (standard !== undefined) return { path: real, again: { mode: standard, uid: 0, gid: 0 } };
  if (!status?.isDirectory() || dirname(real) === '/') return { path: real };
  return { path: real, again: { mode: status.mode & 0o7777, uid: status.uid, gid: status.gid } };
}

/** `/bin/node` is `/usr/bin/node` where /bin is a link: hiding must not replace the link by a directory. */
function withRealParent(root: string, path: string): string | undefined {
  try {
    const parent = realpathSync(join(root, dirname(path)));
    const top = realpathSync(root);
    if (top !== '/' && parent !== top && !parent.startsWith(`${top}/`)) return undefined;
    return join('/', top === '/' ? parent : parent.slice(top.length), basename(path));
  } catch {
    return undefined;
  }
}

function statusOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
