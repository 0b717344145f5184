import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import type { Clock } from '../lib/clock.ts';
import { HauloutError } from '../lib/errors.ts';
import { type RunResult, run, SYSTEM_ENVIRONMENT } from '../lib/exec.ts';
import type { Patience } from '../lib/waits.ts';
import { versionMatches } from '../plan/packages.ts';
import type { PackageManager } from './package-manager.ts';

/**
 * apt and dpkg, as they must be asked by a machine: no questions, locks waited for and never broken, an interrupted dpkg
 * repaired first, and needrestart told not to restart what is under us (it has killed cloud-init mid-install).
 */
export interface AptOptions {
  readonly clock: Clock;
  readonly onOutput?: (text: string) => void;
  /** Hears how long another package manager was waited for. */
  readonly patience?: Patience;
}

const ENVIRONMENT = {
  ...SYSTEM_ENVIRONMENT,
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
  DEBIAN_PRIORITY: 'critical',
  NEEDRESTART_SUSPEND: '1',
  NEEDRESTART_MODE: 'l',
  APT_LISTCHANGES_FRONTEND: 'none',
};

const LOCK_SECONDS = 600;
/** Values, so that a test can hold them against apt's manual. DPkg::Lock::Timeout needs apt 1.9.11; older ones ignore it. */
const OPTIONS = [
  '-y',
  '-q',
  '-o',
  `DPkg::Lock::Timeout=${LOCK_SECONDS}`,
  '-o',
  'Acquire::Retries=3',
  '-o',
  'Dpkg::Options::=--force-confdef',
  '-o',
  'Dpkg::Options::=--force-confold',
  '-o',
  'Dpkg::Use-Pty=0',
] as const;

const MINUTE = 60_000;
const STATUS_FILE = '/var/lib/dpkg/status';
const UPDATE_TRIES = 3;
const LOOK_AGAIN_MS = 1_000;
const LOCKED = { code: 'packages-locked' };
const LOCKS = ['/var/lib/dpkg/lock-frontend', '/var/lib/apt/lists/lock', '/var/cache/apt/archives/lock'];
/** Of `apt-get update`, which fails at a lock at once: each try after a wait for that lock. */
const LOCK_TRIES = 20;
const UPDATE_PAUSE_MS = 5_000;

export function aptCommand(...words: string[]): [string, ...string[]] {
  return ['apt-get', ...OPTIONS, ...words];
}

export function apt(options: AptOptions): PackageManager {
  let seen: { mark: string; versions: Map<string, string> } | undefined;
  let refreshed = false;

  const call = async (argv: [string, ...string[]], timeoutMs: number): Promise<RunResult> => {
    const onOutput = (chunk: Buffer) => options.onOutput?.(chunk.toString('utf8'));
    return await run(argv, { timeoutMs, env: ENVIRONMENT, onOutput, keepBytes: 1024 * 1024 });
  };
  const must = async (argv: [string, ...string[]], timeoutMs: number, subject: string): Promise<void> => {
    const result = await call(argv, timeoutMs);
    if (result.code !== 0) throw failed(argv, subject, result);
  };
  /** The lists are fetched once per life of the agent, and again when an install finds them too old. */
  const update = async (): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      const result = await call(aptCommand('update'), 10 * MINUTE);
      if (result.code === 0) break;
      const locked = await anyLocked();
      if (!locked && attempt >= UPDATE_TRIES) throw failed(aptCommand('update'), 'package:*', result);
      if (attempt > LOCK_TRIES) throw failed(aptCommand('update'), 'package:*', result);
      await (locked ? unlocked() : options.clock.sleep(UPDATE_PAUSE_MS));
    }
    refreshed = true;
  };
  /** dpkg itself does not wait for its lock as apt-get does, and apt-get does not say how long it waited. */
  const unlocked = async (): Promise<void> => {
    const { clock, patience } = options;
    const from = clock.elapsed();
    while (clock.elapsed() - from < LOCK_SECONDS * 1_000 && (await anyLocked())) {
      patience?.missed(LOCKED, from);
      await clock.sleep(LOOK_AGAIN_MS);
    }
    patience?.over();
  };
  const prepare = async (): Promise<void> => {
    await unlocked();
    await repair(must);
    if (!refreshed) await update();
  };
  const transaction = async (subject: string, words: () => Promise<readonly string[]>): Promise<void> => {
    await prepare();
    const result = await call(aptCommand(...(await words())), 60 * MINUTE);
    if (result.code === 0) return;
    // An archive that moved on since the lists were fetched answers 404: new lists, one more time.
    await update();
    await must(aptCommand(...(await words())), 60 * MINUTE, subject);
  };
  /** apt matches a pattern with the whole version, its epoch included: the newest one that is meant is asked for by name. */
  const word = async ({ name, version }: { name: string; version: string | undefined }): Promise<string> => {
    if (version === undefined) return name;
    const { stdout } = await call(['apt-cache', 'madison', name], MINUTE);
    return `${name}=${parseMadison(stdout).find((known) => versionMatches(version, known)) ?? version}`;
  };

  return {
    name: 'apt',
    async installed(names) {
      const mark = await markOf(STATUS_FILE);
      if (seen?.mark !== mark) seen = { mark, versions: await queryInstalled(call) };
      return Object.fromEntries(names.map((name) => [name, seen?.versions.get(name)]));
    },
    async candidates(names) {
      if (names.length === 0) return {};
      if (!refreshed) await update();
      const { stdout } = await call(['apt-cache', 'policy', ...names], MINUTE);
      return parsePolicy(stdout);
    },
    upgrade: () => transaction('package:*', async () => ['--with-new-pkgs', 'upgrade']),
    async install(packages) {
      if (packages.length === 0) return;
      const subject = packages.map(({ name }) => `package:${name}`).join(' ');
      await transaction(subject, async () => ['install', ...(await Promise.all(packages.map(word)))]);
    },
    async remove(names) {
      if (names.length === 0) return;
      await unlocked();
      await repair(must);
      await must(aptCommand('remove', ...names), 30 * MINUTE, names.map((name) => `package:${name}`).join(' '));
    },
  };
}

type Must = (argv: [string, ...string[]], timeoutMs: number, subject: string) => Promise<void>;

/**
 * A reboot or a kill in the middle of dpkg leaves journal entries or packages half way; every later apt fails until they are
 * worked off. Another package manager at its work looks the same, so it was waited for first.
 */
async function repair(must: Must): Promise<void> {
  if (!(await isInterrupted())) return;
  await must(['dpkg', '--configure', '-a', '--force-confold'], 30 * MINUTE, 'package:*');
  if (await isInterrupted()) await must(aptCommand('--fix-broken', 'install'), 30 * MINUTE, 'package:*');
}

async function isInterrupted(): Promise<boolean> {
  const journal = await readdir('/var/lib/dpkg/updates').catch(() => []);
  if (journal.some((name) => /^\d+$/.test(name))) return true;
  const audit = await run(['dpkg', '--audit'], { timeoutMs: MINUTE, env: ENVIRONMENT });
  return audit.stdout.trim() !== '';
}

async function queryInstalled(
  call: (argv: [string, ...string[]], ms: number) => Promise<RunResult>,
): Promise<Map<string, string>> {
  const format = '${db:Status-Status} ${Package} ${binary:Package} ${Version}\\n';
  const { stdout } = await call(['dpkg-query', '-W', '-f', format], MINUTE);
  const versions = new Map<string, string>();
  for (const line of stdout.split('\n')) {
    const [status, name, qualified, version] = line.split(' ');
    if (status !== 'installed' || !name || !qualified || !version) continue;
    versions.set(name, version);
    versions.set(qualified, version);
  }
  return versions;
}

/** `apt-cache policy`: a line with the package's name and a colon, then indented ones. */
export function parsePolicy(text: string): Record<string, string | undefined> {
  const candidates: Record<string, string | undefined> = Object.create(null);
  let name = '';
  for (const line of text.split('\n')) {
    const head = /^(\S+):$/.exec(line)?.[1];
    if (head !== undefined) name = head;
    const candidate = /^ {2}Candidate: (\S+)$/.exec(line)?.[1];
    if (candidate !== undefined && candidate !== '(none)') candidates[name] = candidate;
  }
  return candidates;
}

/** `apt-cache madison`: name, version and archive between bars, the newest first. */
export function parseMadison(text: string): string[] {
  const rows = text.split('\n').map((line) => line.split('|').map((part) => part.trim()));
  return rows.flatMap(([, version, archive]) => (version && archive?.endsWith(' Packages') ? [version] : []));
}

/**
 * Does another process hold a record lock on this file? /proc/locks names files by inode (proc(5)), and a file on another disk
 * may have the same: the holder must have this one open.
 */
async function isLocked(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return false;
  const locks = await readFile('/proc/locks', 'utf8').catch(() => '');
  const lines = locks.matchAll(/ POSIX +ADVISORY +WRITE (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /g);
  for (const [, holder, inode] of lines) if (Number(inode) === found.ino && (await hasOpen(holder!, path))) return true;
  return false;
}

async function hasOpen(process: string, path: string): Promise<boolean> {
  const directory = `/proc/${process}/fd`;
  const descriptors = await readdir(directory).catch(() => []);
  const files = await Promise.all(descriptors.map((name) => readlink(`${directory}/${name}`).catch(() => '')));
  return files.includes(path);
}

async function anyLocked(): Promise<boolean> {
  for (const path of LOCKS) if (await isLocked(path)) return true;
  return false;
}

async function markOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found ? `${found.ino} ${found.size} ${found.mtimeNs}` : '';
}

function failed(argv: readonly string[], subject: string, result: RunResult): HauloutError {
  const words = argv.filter((word) => !OPTIONS.includes(word as (typeof OPTIONS)[number]));
  const how = result.timedOut ? 'took too long' : `ended with ${result.code ?? result.signal}`;
  return new HauloutError(
    {
      code: result.timedOut ? 'packages-timeout' : 'packages-failed',
      step: 'packages',
      subject,
      reason: `\`${words.slice(0, 2).join(' ')}\` ${how}${lastError(result.output)}`,
      hint: `run \`${words.join(' ')}\` on the instance to see all of it; is the name right and the archive reachable?`,
    },
    result.output,
  );
}

/** apt's own words for what is wrong: the last of its lines that start with `E:`. */
function lastError(output: string): string {
  const line = output
    .split('\n')
    .filter((text) => text.startsWith('E: '))
    .at(0);
  return line === undefined ? '' : `: ${line.slice(3, 203)}`;
}
