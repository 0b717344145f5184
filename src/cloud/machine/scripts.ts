import { join } from 'node:path';
import { joinLines } from './cgroup.ts';
import { quote } from './command.ts';
import type { Hidden } from './hidden.ts';
import { overlayLines, type Places } from './layers.ts';

/*
 * The shell an instance is started with, in three acts: `begin` (tells its pid, gets a cgroup), `build` (mounts the root and goes
 * there), `init` (process 1 proper: user-data, then bury the dead until the end). Flat lists of commands, made per instance, every
 * word quoted; standard input and descriptor 3 lead to the machine's owner, and when the input ends, so does the instance.
 */

export interface StartPlan {
  readonly places: Places;
  /** `/`, or the directory that is the image. */
  readonly image: string;
  /** Directory of this machine that holds what the instance writes; a tmpfs of `diskMiB` without it. */
  readonly keep: string | undefined;
  readonly diskMiB: number;
  readonly mounts: readonly string[];
  readonly hidden: readonly Hidden[];
  /** Files of this machine shown read-only: target by source. */
  readonly shown: Readonly<Record<string, string>>;
  readonly hostname: string;
  /** The kernel's name for a boot is the same in all instances: this is the instance's own. */
  readonly bootId: string;
  /** What process 1 runs once, when everything stands. */
  readonly script: string;
  /** Precedes the exit code of the user-data, on the console after all its output. */
  readonly mark: string;
  readonly cgroup: { readonly mountPoint: string; readonly name: string };
}

export const USER_DATA_SCRIPT = '/var/lib/cloud/instance/scripts/part-001';

/** Planted for a later boot of a disk, and run in place of the user-data. It is in /run, which is new at each boot. */
export const LATER_BOOT_SCRIPT = '/run/local-cloud-boot';

/**
 * An instance has no systemd, which would start the agent's unit. This does as the unit says: it is started again whenever it
 * fails, and ends for good when it was told to (0), or when another one is at work (75).
 */
export const LATER_BOOT = `#!/bin/sh
agent=/usr/local/bin/haulout
[ -x "$agent" ] || exit 0
mkdir -p /var/log/haulout
keep='while :; do "$0" run; case $? in 0 | 75) exit ;; esac; sleep 5; done'
setsid /bin/sh -c "$keep" "$agent" < /dev/null >> /var/log/haulout/agent.log 2>&1 &
`;
export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Not for an instance: modules, the clock and raw devices are this machine's. Everything else a server has it has, mounting
 * included, which is why this is no wall against malice.
 */
export const BOUNDING_SET = '--bounding-set=-sys_module,-sys_rawio,-sys_time,-mknod';

export function startScript(plan: StartPlan): string {
  return `set -eu
umask 022
exec 2>&1
read -r pid rest < /proc/self/stat
echo "pid $pid" >&3
${joinLines(plan.cgroup.mountPoint, plan.cgroup.name)}
if join_cgroup 2>/dev/null; then
  echo cgroup >&3
  exec unshare --cgroup -- /bin/sh -c ${quote(buildScript(plan, true))}
fi
exec /bin/sh -c ${quote(buildScript(plan, false))}
`;
}

function buildScript(plan: StartPlan, withCgroup: boolean): string {
  const { places } = plan;
  const lower = plan.image === '/' ? '/' : places.lower;
  return [
    'set -eu',
    `echo ${quote(plan.hostname)} > /proc/sys/kernel/hostname`,
    plan.keep === undefined
      ? `mount -t tmpfs -o size=${plan.diskMiB}m,mode=0755 haulout-disk ${quote(places.disk)}`
      : `mount --bind ${quote(plan.keep)} ${quote(places.disk)}`,
    ...(plan.image === '/' ? [] : [`mount --bind ${quote(plan.image)} ${quote(places.lower)}`]),
    ...overlayLines(places, lower, plan.mounts, plan.hidden),
    ...Object.entries(plan.shown).flatMap(([target, source]) => showLines(join(places.root, target), source)),
    kernelLines(places.root, withCgroup, plan.bootId, init(plan)),
    `cd ${quote(places.root)}`,
    `exec setpriv ${BOUNDING_SET} /bin/sh -c ${quote(LEAVE)}`,
  ].join('\n');
}

function showLines(target: string, source: string): string[] {
  const at = quote(target);
  return [
    `mkdir -p ${quote(target.slice(0, target.lastIndexOf('/')))}`,
    `[ -e ${at} ] || : > ${at}`,
    `mount --bind ${quote(source)} ${at}`,
    `mount -o remount,bind,ro ${at}`,
  ];
}

/** /proc, /sys, /dev, /run. What of /proc belongs to the kernel of this machine is read-only, except the instance's own network. */
function kernelLines(root: string, withCgroup: boolean, bootId: string, init: string): string {
  return `root=${quote(root)}
mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/tmp"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
for path in sys sysrq-trigger irq bus fs; do
  [ -e "$root/proc/$path" ] || continue
  mount --bind "$root/proc/$path" "$root/proc/$path"
  mount -o remount,bind,ro "$root/proc/$path"
done
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,rw "$root/proc/sys/net"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
${withCgroup ? 'mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"' : ':'}
mount -t tmpfs -o mode=0755,nosuid,nodev run "$root/run"
mkdir -m 1777 "$root/run/lock"
echo ${bootId} > "$root/run/boot-id"
chmod 444 "$root/run/boot-id"
mount --bind "$root/run/boot-id" "$root/proc/sys/kernel/random/boot_id"
mount -o remount,bind,ro "$root/proc/sys/kernel/random/boot_id"
rm "$root/run/boot-id"
printf %s ${quote(init)} > "$root${INIT_FILE}"
mount -t tmpfs -o mode=0755,nosuid dev "$root/dev"
while read -r name major minor; do
  mknod "$root/dev/$name" c "$major" "$minor"
  chmod 666 "$root/dev/$name"
done <<'DEVICES'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
DEVICES
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,nosuid,noexec devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777,nosuid,nodev shm "$root/dev/shm"`;
}

const INIT_FILE = '/run/local-cloud-init';

/** The user-data's output goes through a pipe: what Node calls a pipe is a socket, and a script cannot write to /dev/stderr then. */
const init = ({ mark, script }: StartPlan) => `set -u
! command -v systemd-tmpfiles > /dev/null || systemd-tmpfiles --create --boot --prefix=/run > /dev/null 2>&1 3>&- < /dev/null
echo ready >&3
read -r go || exit 1
exec < /dev/null
if [ -x ${script} ]; then
  { cd /; env -i PATH=${PATH} LANG=C.UTF-8 ${script} 3>&-; echo ${quote(mark)}$?; } 2>&1 | cat 3>&-
fi
while :; do sleep 100000 3>&-; done
`;

/** The old root is put on top of the new one and taken away; from the last line on, only the instance's own programs run. */
const LEAVE = `set -eu
pivot_root . .
umount -l .
cd /
exec env -i PATH=${PATH} LANG=C.UTF-8 /bin/sh ${INIT_FILE}
`;
