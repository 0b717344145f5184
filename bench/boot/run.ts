import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { AgentEvent } from '../../src/agent/events.ts';
import { LocalCloud, type Machine } from '../../src/cloud/local.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { agentKey } from '../../src/userdata/pin.ts';
import { renderUserdata } from '../../src/userdata/render.ts';
import type { Settings } from '../../src/userdata/settings.ts';
import { FaultProxy } from '../../test/support/fault-proxy.ts';
import type { BootPair, BootResult, BootRun } from '../results.ts';

const BUCKET = 'planets';
const PREFIX = 'planet';
const PACKAGES = 'nginx python3-feedparser python3-jinja2 curl bzip2';
/** As a boot finds it: what the installation may have started, neither side has to stop. */
const INSTALL = `export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -q -y --no-install-recommends install ${PACKAGES} && /etc/init.d/nginx stop`;
const INSTALL_MS = 300_000;
const BOOT_MS = 120_000;
/** After the machine is ready: the agent tells the bucket about it, and that is part of what a boot costs. */
const AFTERWARDS_MS = 4_000;
const POLL_MS = 10;
/**
 * A store on the loopback interface, and one as Amazon describes its own: "roughly 100-200 milliseconds" for a small object.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
 */
const LATENCIES_MS = [0, 100] as const;

export interface BootOptions {
  readonly rounds: number;
  readonly say: (line: string) => void;
}

type Kind = 'haulout' | 'script';

/** The planet, booted by haulout and by a shell script, in the same kind of instance, in turn. The packages are there before. */
export async function benchBoot({ rounds, say }: BootOptions): Promise<BootResult> {
  const stores: BootPair[] = [];
  for (const latencyMs of LATENCIES_MS) stores.push(await bootBoth(latencyMs, rounds, say));
  return { at: new Date().toISOString(), rounds, stores };
}

async function bootBoth(latencyMs: number, rounds: number, say: (line: string) => void): Promise<BootPair> {
  const scratch = mkdtempSync(join(tmpdir(), 'haulout-bench-boot-'));
  const slow = new FaultProxy();
  const around = latencyMs > 0 ? { around: slow.before } : {};
  const cloud = await LocalCloud.open({ gatewayScript: 'dist/gateway.mjs', anonymousRead: true, ...around });
  const runs: Record<Kind, BootRun[]> = { haulout: [], script: [] };
  try {
    cpSync('buckets/planet', scratch, { recursive: true });
    const spec = readFileSync(join(scratch, 'haulout.ini'), 'utf8');
    // A shell script holds no check: with `health = 3s` each of the two services would wait three seconds more, and do nothing.
    writeFileSync(join(scratch, 'haulout.ini'), spec.replace(/^health\b.*$/gm, 'health = 0s'));
    await cloud.mirror(scratch, BUCKET, PREFIX);
    slow.befalls = { fault: { kind: 'delay', ms: latencyMs } };
    for (let round = 0; round < rounds; round++) {
      for (const kind of round % 2 === 0 ? (['haulout', 'script'] as const) : (['script', 'haulout'] as const)) {
        const run = await boot(cloud, kind);
        runs[kind].push(run);
        const phases = run.phases.map(({ name, seconds }) => `${name} ${seconds.toFixed(2)}`).join(', ');
        say(
          `round ${round + 1}  boot, store after ${latencyMs} ms  ${kind.padEnd(8)} ${run.wall.toFixed(2)} s, ${run.cpu.toFixed(2)} s cpu  (${phases})`,
        );
      }
    }
    return { latencyMs, ...runs };
  } finally {
    await cloud.close();
    slow.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function boot(cloud: LocalCloud, kind: Kind): Promise<BootRun> {
  const program = kind === 'haulout' ? await userData(cloud) : script(cloud);
  const override = '[haulout]\nupgrade = never\n';
  const machine = await cloud.launch({
    role: PREFIX,
    userData: Buffer.from('#!/bin/sh\n'),
    files: {
      '/root/boot': { content: program, mode: 0o700 },
      '/etc/haulout/haulout.ini': { content: override, mode: 0o644 },
    },
  });
  try {
    const installed = await machine.exec(['/bin/sh', '-c', INSTALL], { timeoutMs: INSTALL_MS });
    if (installed.code !== 0) throw new Error(`the packages could not be installed: ${installed.output.slice(-2_000)}`);
    return { packages: installed.durationMs / 1_000, ...(await watch(machine, kind)) };
  } finally {
    await machine.terminate();
  }
}

/** What is used is asked of the instance's own cgroup: every process of it, those that have ended included. */
async function watch(machine: Machine, kind: Kind): Promise<Omit<BootRun, 'packages'>> {
  const path = (inside: string) => `/proc/${machine.pid}/root${inside}`;
  const used = async () =>
    Number(/usage_usec (\d+)/.exec(await readFile(path('/sys/fs/cgroup/cpu.stat'), 'utf8'))?.[1]) / 1e6;
  const before = await used();
  const started = Date.now();
  await machine.exec(['/bin/sh', '-c', 'cd /; setsid /root/boot > /var/log/boot.log 2>&1 < /dev/null &']);
  const ready = kind === 'haulout' ? () => lastRound(path) : () => scriptPhases(path);
  let phases = await ready();
  for (; phases === undefined; phases = await ready()) {
    if (Date.now() - started > BOOT_MS)
      throw new Error(`${kind} is not ready: ${await readFile(path('/var/log/boot.log'), 'utf8')}`);
    await pause(POLL_MS);
  }
  await pause(AFTERWARDS_MS);
  const wall = Math.max(...phases.map(({ until }) => until)) / 1_000 - started / 1_000;
  return { wall, cpu: (await used()) - before, phases: durations(started, phases) };
}

interface Phase {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly until: number;
}

function durations(started: number, phases: readonly Phase[]): BootRun['phases'] {
  return phases.map(({ name, until }, at) => ({ name, seconds: (until - (phases[at - 1]?.until ?? started)) / 1_000 }));
}

/** The script says itself when a phase has ended. */
async function scriptPhases(path: (inside: string) => string): Promise<Phase[] | undefined> {
  if ((await readFile(path('/run/planet-ready')).catch(() => undefined)) === undefined) return undefined;
  const lines = (await readFile(path('/run/phases'), 'utf8')).trim().split('\n');
  return lines.map((line) => ({ name: line.split(' ')[0]!, until: Number(line.split(' ')[2]) * 1_000 }));
}

/** What the agent's own record says of its first round, when that has ended well. */
async function lastRound(path: (inside: string) => string): Promise<Phase[] | undefined> {
  const text = await readFile(path('/var/log/haulout/events.jsonl'), 'utf8').catch(() => '');
  const events = text.split('\n').flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as AgentEvent] : []));
  const round = events.find((event) => event.event === 'round');
  if (round?.event !== 'round') return undefined;
  if (round.status.health !== 'healthy')
    throw new Error(`the boot went wrong: ${JSON.stringify(round.status.trouble)}`);
  const phases: Phase[] = [];
  const first = events.find((event) => event.event === 'step');
  if (first?.event === 'step') phases.push({ name: 'launcher and agent', until: Date.parse(first.at) - first.ms });
  for (const event of events) {
    if (event.event !== 'step') continue;
    const name = event.subject === undefined || event.step !== 'service' ? event.step : event.subject;
    const until = Date.parse(event.at);
    if (phases.at(-1)?.name === name) phases[phases.length - 1] = { name, until };
    else phases.push({ name, until });
  }
  return [...phases, { name: 'record', until: Date.parse(round.at) }];
}

function script(cloud: LocalCloud): string {
  const url = `${cloud.instanceEndpoint}/${BUCKET}/${PREFIX}`;
  return readFileSync('bench/boot/planet.sh', 'utf8').replace('@BUCKET_URL@', url);
}

async function userData(cloud: LocalCloud): Promise<string> {
  const agent = await readFile('dist/agent.mjs');
  const settings: Settings = {
    bucket: { bucket: BUCKET, prefix: PREFIX },
    endpoint: cloud.instanceEndpoint,
    region: cloud.region,
    anonymous: false,
    role: PREFIX,
    state: { bucket: BUCKET, prefix: '.haulout' },
    settleMs: 5_000,
    agent: sha256(agent),
  };
  await cloud.s3.put(BUCKET, agentKey(settings.state, settings.agent), { bytes: agent });
  return renderUserdata(await readFile('dist/bootstrap.js', 'utf8'), settings);
}
