import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Who may be handed a copy of the launcher that was cut short. */
export interface Reader {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
}

export const READERS: readonly Reader[] = [
  { name: 'dash', argv: ['/bin/dash'] },
  { name: 'bash', argv: ['/bin/bash'] },
  { name: 'busybox', argv: ['/bin/busybox', 'sh'] },
  { name: 'node', argv: [process.execPath] },
];

export interface TruncationReport {
  readonly runs: number;
  /** What ran, and at which cut, where nothing should have. */
  readonly violations: readonly string[];
}

const LIMIT_MS = 20_000;

/** Every cut that loses something: lengths from 0 to one byte before the last significant one. */
export function allCuts(text: string): number[] {
  return Array.from({ length: text.trimEnd().length }, (_, length) => length);
}

/** `count` cuts drawn from a seed, and each of the last `tail`. */
export function someCuts(text: string, seed: number, count: number, tail: number): number[] {
  const all = allCuts(text);
  const chosen = new Set(all.slice(-tail));
  let state = seed >>> 0;
  while (chosen.size < Math.min(all.length, count + tail)) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    chosen.add(Math.floor((state / 2 ** 32) * all.length));
  }
  return [...chosen].sort((a, b) => a - b);
}

/** Runs each cut under one reader, `parallel` at a time. */
export async function checkCuts(
  text: string,
  reader: Reader,
  cuts: readonly number[],
  parallel: number,
): Promise<TruncationReport> {
  const violations: string[] = [];
  const left = [...cuts];
  const worker = async () => {
    const trap = await setTrap(text);
    try {
      for (let cut = left.shift(); cut !== undefined; cut = left.shift()) {
        const ran = await trap.run(reader, text.slice(0, cut), LIMIT_MS);
        violations.push(...ran.map((what) => `${reader.name} at ${cut}: ${what}`));
      }
    } finally {
      await trap.remove();
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return { runs: cuts.length, violations };
}

/** What the whole script does in the trap: if this is nothing, the trap catches nothing. */
export async function controlRun(text: string, reader: Reader): Promise<readonly string[]> {
  const trap = await setTrap(text);
  try {
    return await trap.run(reader, text, 2_000);
  } finally {
    await trap.remove();
  }
}

interface Trap {
  /** Everything the script did that leaves a trace; a time limit that was reached is one. */
  run(reader: Reader, script: string, limitMs: number): Promise<string[]>;
  remove(): Promise<void>;
}

/**
 * A PATH that holds only commands that leave a mark, an empty working directory, an empty root, and a port that counts who
 * knocks where the metadata service would be.
 */
async function setTrap(text: string): Promise<Trap> {
  const home = await mkdtemp(join(tmpdir(), 'haulout-cut-'));
  const at = (name: string) => join(home, name);
  for (const name of ['bin', 'work', 'root']) await mkdir(at(name));
  await writeFile(at('fake'), '#!/bin/sh\necho "${0##*/} $*" >>"$MARKS"\n', { mode: 0o755 });
  for (const name of commandNames(text)) await symlink(at('fake'), at(`bin/${name}`));
  const knocks = await countKnocks();
  const env = { PATH: at('bin'), MARKS: at('marks'), HAULOUT_ROOT: at('root'), HAULOUT_METADATA: knocks.url };
  return {
    async run(reader, script, limitMs) {
      knocks.take();
      await writeFile(at('X'), script);
      const { late, output } = await start([...reader.argv, at('X')], at('work'), env, limitMs);
      const marks = await readFile(at('marks'), 'utf8').catch(() => '');
      await rm(at('marks'), { force: true });
      const files = [...(await readdir(at('work'))), ...(await readdir(at('root')))];
      const spoke = /^haulout:/m.exec(output);
      return [
        ...(marks === '' ? [] : [`ran ${marks.trim().replaceAll('\n', ', ')}`]),
        ...files.map((name) => `made ${name}`),
        ...(knocks.take() > 0 ? ['asked for metadata'] : []),
        ...(spoke ? ['said something'] : []),
        ...(late ? ['did not end'] : []),
      ];
    },
    async remove() {
      knocks.server.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Commands the script may call or could be taken to call: each first word of a line, and each beginning of one. */
function commandNames(text: string): Set<string> {
  const names = new Set([
    'node',
    'nodejs',
    'curl',
    'wget',
    'mkdir',
    'rm',
    'sh',
    'python3',
    'openssl',
    'apt-get',
    'cat',
  ]);
  const shell = text.slice(0, text.indexOf('\n: <<'));
  for (const [, word] of shell.matchAll(/^[\s({]*([A-Za-z_]\w*)/gm)) {
    for (let length = 1; length <= word!.length; length++) names.add(word!.slice(0, length));
  }
  return names;
}

async function countKnocks(): Promise<{ server: Server; url: string; take: () => number }> {
  let count = 0;
  const server = createServer((socket) => {
    count++;
    socket.on('error', () => undefined).destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const take = () => {
    const taken = count;
    count = 0;
    return taken;
  };
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, take };
}

function start(
  argv: readonly string[],
  cwd: string,
  env: Record<string, string>,
  limitMs: number,
): Promise<{ late: boolean; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let late = false;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
    const timer = setTimeout(() => {
      late = true;
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, limitMs);
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(timer);
      resolve({ late, output });
    });
  });
}
