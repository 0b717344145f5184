import { type SpawnOptions, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../src/lib/digest.ts';
import { buildLauncher } from '../../src/userdata/launcher/build.mjs';
import { renderUserdata } from '../../src/userdata/render.ts';
import type { Settings } from '../../src/userdata/settings.ts';
import { type LaunchWire, startLaunchWire } from './launch-wire.ts';

/** Says what it was called with in a file, and ends as EXIT in its text demands. */
export function agentText(exit = 0, mark = 'first'): Buffer {
  return Buffer.from(`import { writeFileSync } from 'node:fs';
const { argv, env } = process;
const path = env.HAULOUT_ROOT + '/installed.json';
writeFileSync(path, JSON.stringify({ mark: '${mark}', argv: argv.slice(1), env, umask: process.umask() }));
process.exitCode = ${exit};
`);
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One machine-to-be: a wire to ask, a bucket with an agent, a root of its own. */
export interface Launch {
  readonly wire: LaunchWire;
  readonly directory: string;
  readonly root: string;
  readonly agents: string;
  settings: Settings;
  /** Writes the script with the present settings under a name and returns its path. */
  script(name?: string, edit?: (text: string) => string): Promise<string>;
  /** Runs a command line to its end in an environment that holds the test seams only, and what is given. */
  run(argv: readonly string[], how?: { env?: Record<string, string>; cwd?: string; uid?: number }): Promise<Ran>;
  remove(): Promise<void>;
}

export async function prepareLaunch(agent: Buffer = agentText()): Promise<Launch> {
  const wire = await startLaunchWire();
  const directory = await mkdtemp(join(tmpdir(), 'haulout-launch-'));
  const root = join(directory, 'root');
  await mkdir(root);
  const digest = sha256(agent);
  wire.objects.set(`planet-bucket/.haulout/agent/${digest}`, agent);
  const template = await buildLauncher();
  const launch: Launch = {
    wire,
    directory,
    root,
    agents: join(root, 'var/lib/haulout/agent'),
    settings: {
      bucket: { bucket: 'planet-bucket', prefix: 'envs/prod/planet' },
      endpoint: wire.endpoint,
      region: undefined,
      anonymous: false,
      role: 'planet',
      state: { bucket: 'planet-bucket', prefix: '.haulout' },
      settleMs: 5_000,
      agent: digest,
    },
    async script(name = 'bootstrap.js', edit = (text) => text) {
      const path = join(directory, name);
      await writeFile(path, edit(renderUserdata(template, launch.settings)), { mode: 0o755 });
      return path;
    },
    run: (argv, { env = {}, cwd = '/', uid } = {}) =>
      runToEnd(argv, {
        cwd,
        env: { HAULOUT_ROOT: root, HAULOUT_METADATA: wire.metadata, ...env },
        ...(uid === undefined ? {} : { uid }),
      }),
    async remove() {
      await wire.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return launch;
}

const LIMIT_MS = 60_000;

function runToEnd(argv: readonly string[], options: SpawnOptions): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk));
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}
