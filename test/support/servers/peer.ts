import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConditionalWrites } from '../../../src/aws/probe.ts';
import type { Credentials } from '../../../src/aws/sigv4.ts';
import { run } from '../../../src/lib/exec.ts';
import type { Need } from '../needs.ts';

/** An S3 server that nobody here wrote, on a port of 127.0.0.1, with nothing in it. */
export interface Peer {
  readonly url: string;
  readonly region: string;
  readonly credentials: Credentials;
  close(): Promise<void>;
}

export interface PeerKind {
  /** With its version, as the table shows it. */
  readonly name: string;
  /** Below the cache directory; it is there whole or not at all. */
  readonly directory: string;
  /** How it is got, without being installed on this machine; the result stands in `into`. */
  readonly install: (into: string) => Promise<void>;
  readonly start: (directory: string) => Promise<Peer>;
  /** How many objects make a listing of more than one page. */
  readonly manyObjects: number;
  /** What it does with conditional writes, as the probe finds it out. */
  readonly conditionalWrites: ConditionalWrites;
  /** What this server does wrong, by the title of the check that shows it, in words for the table. */
  readonly faults: Readonly<Record<string, string>>;
}

/** Where peers are kept: they are large, and the same for every checkout. */
export const CACHE =
  process.env['HAULOUT_PEERS'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'haulout', 'peers');
/** Where Debian puts the libraries of this kind of machine. */
export const LIBRARIES = `usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
const INSTALL_MS = 1_200_000;
const START_MS = 60_000;

export function placeOf(kind: PeerKind): string {
  return join(CACHE, kind.directory);
}

export function needPeer(kind: PeerKind): Need {
  return { name: kind.name, met: existsSync(join(placeOf(kind), 'complete')), get: 'npm run soak stores' };
}

/** A program to its end; its output where it failed. */
export async function succeed(argv: readonly [string, ...string[]], env: Record<string, string> = {}, cwd = '/') {
  const all = { ...(process.env as Record<string, string>), ...env };
  const { code, output, stdout } = await run(argv, { env: all, cwd, timeoutMs: INSTALL_MS, keepBytes: 200_000 });
  if (code !== 0) throw new Error(`${argv.slice(0, 3).join(' ')}: exit ${code}: ${output.slice(-500).trim()}`);
  return stdout;
}

/**
 * Debian packages and what they need, unpacked into a directory of their own. Only what is not installed already: an unpacked
 * newer libc beside this machine's loader would break everything.
 */
export async function unpackPackages(into: string, packages: readonly string[]): Promise<void> {
  const plan = await succeed(['apt-get', 'install', '-s', '--no-install-recommends', ...packages]);
  const wanted = [...plan.matchAll(/^Inst (\S+) \(/gm)].map(([, name]) => name!);
  const downloads = await mkdtemp(join(tmpdir(), 'haulout-debs-'));
  try {
    await succeed(['apt-get', '-q', '-o', 'APT::Sandbox::User=root', 'download', ...wanted], {}, downloads);
    for (const name of await readdir(downloads)) await succeed(['dpkg', '-x', join(downloads, name), into]);
  } finally {
    await rm(downloads, { recursive: true, force: true });
  }
}

/** A server that ends with us, however we end. `stop` waits for its end. */
export function startServer(
  argv: readonly string[],
  env: Record<string, string>,
): { stop(): Promise<void>; output(): string } {
  const [program, ...words] = ['setpriv', '--pdeathsig', 'KILL', ...argv] as [string, ...string[]];
  const child = spawn(program, words, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const keep = (text: Buffer) => {
    said = (said + text.toString('utf8')).slice(-4_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.once('error', (error) => keep(Buffer.from(error.message)));
  return {
    output: () => said,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Waits until an HTTP server answers anything at all. */
export async function answering(url: string, output: () => string): Promise<void> {
  await until(
    async () => (await fetch(url, { signal: AbortSignal.timeout(2_000) })).status > 0,
    () => `${url}: ${output()}`,
  );
}

export async function until(done: () => Promise<boolean>, why: () => string): Promise<void> {
  const end = performance.now() + START_MS;
  while (!(await done().catch(() => false))) {
    if (performance.now() > end) throw new Error(`it did not start: ${why()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
