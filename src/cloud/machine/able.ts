import { run, SYSTEM_ENVIRONMENT } from '../../lib/exec.ts';

export type Able = { readonly ok: true } | { readonly ok: false; readonly reason: string; readonly hint: string };

/** Programs of the machine, with the Debian package that brings each. */
const PROGRAMS: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  mount: 'mount',
  nsenter: 'util-linux',
  pivot_root: 'util-linux',
  setpriv: 'util-linux',
  unshare: 'util-linux',
};

const TRIAL = `set -eu
mount -t tmpfs tmpfs /run
mkdir /run/upper /run/work /run/root
mount -t overlay haulout -o lowerdir=/,upperdir=/run/upper,workdir=/run/work /run/root
mount -t proc proc /run/root/proc
ip link add i0 type veth peer name i1`;

/** Whether throw-away instances can be had here; if not, why, and what to do about it. Changes nothing. */
export async function canRunMachines(): Promise<Able> {
  if (process.platform !== 'linux') {
    const hint = 'use a Linux machine or virtual machine; `haulout lint` and `plan` work here';
    return { ok: false, reason: `instances need Linux, and this is ${process.platform}`, hint };
  }
  if (process.getuid?.() !== 0) {
    return {
      ok: false,
      reason: 'instances need root, for namespaces and mounts',
      hint: 'run the same command with sudo -E',
    };
  }
  const missing = await missingPrograms();
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((name) => PROGRAMS[name]))].join(' ');
    return { ok: false, reason: `missing here: ${missing.join(', ')}`, hint: `apt-get install ${packages}` };
  }
  return await trial();
}

async function missingPrograms(): Promise<string[]> {
  const names = Object.keys(PROGRAMS);
  const script = 'for name; do command -v "$name" > /dev/null || echo "$name"; done';
  const result = await run(['/bin/sh', '-c', script, 'sh', ...names], { timeoutMs: 5_000, env: SYSTEM_ENVIRONMENT });
  return result.stdout.split('\n').filter(Boolean);
}

async function trial(): Promise<Able> {
  const argv = [
    'unshare',
    '--mount',
    '--net',
    '--pid',
    '--fork',
    '--propagation',
    'private',
    '/bin/sh',
    '-c',
    TRIAL,
  ] as const;
  const result = await run(argv, { timeoutMs: 10_000, env: SYSTEM_ENVIRONMENT });
  if (result.code === 0) return { ok: true };
  return {
    ok: false,
    reason: `this machine does not let root make what an instance needs: ${result.output.trim().slice(-200)}`,
    hint: 'in a container, start it with --privileged; else load the kernel modules overlay and veth',
  };
}
