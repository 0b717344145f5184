import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../lib/digest.ts';
import { run, SYSTEM_ENVIRONMENT } from '../../lib/exec.ts';
import { gzip } from '../../userdata/formats.ts';
import type { Architecture } from '../../userdata/runtimes.ts';
import { type Identity, identify } from './node-binary.ts';

export interface PackedRuntime extends Identity {
  readonly sha256: string;
  /** gzip, because every image can unpack it, and twice as fast as xz: measured in docs/userdata.md. */
  readonly bytes: Buffer;
  readonly unpacked: number;
  /** Without the names that only debuggers read: a seventh of it. */
  readonly stripped: boolean;
}

const STRIP_MS = 120_000;
const TRIPLETS: Readonly<Record<Architecture, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

/** As small as it can be made here; the same Node gives the same bytes. */
export async function packRuntime(binary: Buffer, subject: string): Promise<PackedRuntime> {
  const identity = identify(binary, subject);
  const small = await strip(binary, identity);
  const bytes = gzip(small ?? binary);
  const unpacked = (small ?? binary).length;
  return { ...identity, sha256: sha256(bytes), bytes, unpacked, stripped: small !== undefined };
}

/** undefined: no strip of this desk knows the architecture. */
async function strip(binary: Buffer, identity: Identity): Promise<Buffer | undefined> {
  const own = identity.arch === process.arch ? ['strip'] : [];
  const directory = await mkdtemp(join(tmpdir(), 'haulout-runtime-'));
  const [from, to] = [join(directory, 'node'), join(directory, 'stripped')];
  try {
    await writeFile(from, binary, { mode: 0o700 });
    for (const program of [...own, `${TRIPLETS[identity.arch]}-strip`, 'llvm-strip']) {
      const how = { env: SYSTEM_ENVIRONMENT, timeoutMs: STRIP_MS };
      const ended = await run([program, '-o', to, from], how).catch(() => undefined);
      if (ended?.code !== 0) continue;
      const stripped = await readFile(to);
      if (stillNode(stripped, identity) && (await runs(to, identity))) return stripped;
    }
    return undefined;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A strip that knows the format badly has been seen to leave something else. */
function stillNode(stripped: Buffer, { arch, version }: Identity): boolean {
  try {
    const now = identify(stripped, 'what strip made');
    return now.arch === arch && now.version === version;
  } catch {
    return false;
  }
}

/** Only what is made for this machine can be tried. */
async function runs(path: string, { arch, version }: Identity): Promise<boolean> {
  if (arch !== process.arch || process.platform !== 'linux') return true;
  const { code, stdout } = await run([path, '--version'], { env: SYSTEM_ENVIRONMENT, timeoutMs: STRIP_MS });
  return code === 0 && stdout.trim() === `v${version}`;
}
