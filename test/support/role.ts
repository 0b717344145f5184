import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { AgentEvent } from '../../src/agent/events.ts';
import { type Faults, LocalCloud, type LocalCloudOptions, type Machine } from '../../src/cloud/local.ts';
import type { MetadataOptions } from '../../src/cloud/metadata/handler.ts';
import { sha256 } from '../../src/lib/digest.ts';
import type { RunResult } from '../../src/lib/exec.ts';
import type { Status } from '../../src/status/status.ts';
import { agentKey } from '../../src/userdata/pin.ts';
import { renderUserdata } from '../../src/userdata/render.ts';
import type { Settings } from '../../src/userdata/settings.ts';
import type { FaultProxy } from './fault-proxy.ts';

/** Objects of a role by path below its prefix: `haulout.ini`, `root/etc/motd`, `services/web/bin/start`. */
export type RoleFiles = Readonly<Record<string, string | Uint8Array>>;

export interface RoleOptions {
  /** Cron of the agent. Default: once a year, so that a test says when. */
  readonly schedule?: string;
  /** How often the agent looks for a call of the desk. Default: never. */
  readonly wake?: string;
  readonly settleMs?: number;
  /** Changes to the settings in user-data. */
  readonly settings?: Partial<Settings>;
  /** Of the instance, as its metadata has them. */
  readonly tags?: Readonly<Record<string, string>>;
  /** More files planted on the instance's disk before it boots. */
  readonly plant?: Readonly<Record<string, { content: string; mode: number }>>;
  /** How long the first round may take. Default 120 s. */
  readonly bootMs?: number;
  readonly onConsole?: (line: string) => void;
  /** Misbehaviour of the bucket, asked at every request. */
  readonly faults?: Faults;
  /** What stands between the instance and its bucket, and its metadata service. */
  readonly network?: { readonly store: FaultProxy; readonly metadata: FaultProxy };
  /** Shell that the user-data begins with, before the script of ours. */
  readonly before?: string;
  /** Size of the instance's disk. */
  readonly diskMiB?: number;
  /** Anybody may read the bucket. */
  readonly publicBucket?: boolean;
  /** false: the instance has no role. */
  readonly credentials?: boolean;
  /** Another kind of store than Amazon's. */
  readonly cloud?: LocalCloudOptions;
  /** Dialect and misbehaviour of the metadata service. */
  readonly metadata?: MetadataOptions;
}

export const BUCKET = 'test';
export const PREFIX = 'role';
/** The launcher itself, to be run again. */
export const SCRIPT = '/root/bootstrap.js';
/** As `install` starts the agent where there is no systemd: on its own, nothing shared with who started it. */
const START_AGENT =
  'cd /; umask 077; setsid env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 /usr/local/bin/haulout run </dev/null >>/var/log/haulout/agent.log 2>&1 &';

/** HAULOUT_TEST_DIST: another build, with a mutant in it. */
export const dist = process.env['HAULOUT_TEST_DIST'] ?? fileURLToPath(new URL('../../dist', import.meta.url));

/**
 * A role in a bucket and an instance that really boots from it: the built launcher as user-data, the built agent, the local
 * cloud of this repository. What a test says with it, it says about the product as it is shipped. Needs root.
 */
export class RoleUnderTest {
  readonly cloud: LocalCloud;
  readonly machine: Machine;

  private constructor(cloud: LocalCloud, machine: Machine) {
    this.cloud = cloud;
    this.machine = machine;
  }

  /** Resolves when the agent has reported its first round, whatever came of it. */
  static async boot(files: RoleFiles, options: RoleOptions = {}): Promise<RoleUnderTest> {
    const cloud = await LocalCloud.open({
      gatewayScript: join(dist, 'gateway.mjs'),
      anonymousRead: options.publicBucket ?? false,
      ...(options.faults ? { faults: options.faults } : {}),
      ...(options.network ? { around: options.network.store.before } : {}),
      ...options.cloud,
    });
    try {
      cloud.s3.createBucket(BUCKET);
      for (const [path, content] of Object.entries(files)) await put(cloud, path, content);
      const script = await userData(cloud, options);
      const override = `[haulout]\nschedule = ${options.schedule ?? '0 0 1 1 *'}\nsplay = 0s\nwake = ${options.wake ?? 'off'}\nupgrade = never\n`;
      const machine = await cloud.launch({
        role: PREFIX,
        userData:
          options.before === undefined
            ? Buffer.from(script)
            : Buffer.from(`#!/bin/sh\n${options.before}\nexec sh ${SCRIPT}\n`),
        files: {
          // Only where it is run from there: who looks for what haulout left shall not find what a test did.
          ...(options.before || options.network ? { [SCRIPT]: { content: script, mode: 0o700 } } : {}),
          '/etc/haulout/haulout.ini': { content: override, mode: 0o644 },
          ...options.plant,
        },
        credentials: options.credentials ?? true,
        ...(options.tags ? { tags: options.tags } : {}),
        ...(options.metadata || options.network
          ? {
              metadata: {
                ...options.metadata,
                ...(options.network ? { around: options.network.metadata.before } : {}),
              },
            }
          : {}),
        ...(options.diskMiB ? { diskMiB: options.diskMiB } : {}),
        ...(options.onConsole ? { onConsole: options.onConsole } : {}),
      });
      const booted = new RoleUnderTest(cloud, machine);
      await booted.waitFor((events) => events.some(({ event }) => event === 'round'), options.bootMs ?? 120_000);
      return booted;
    } catch (error) {
      await cloud.close();
      throw error;
    }
  }

  /** An upload. */
  async put(path: string, content: string | Uint8Array): Promise<void> {
    await put(this.cloud, path, content);
  }

  async delete(path: string): Promise<void> {
    await this.cloud.s3.delete(BUCKET, `${PREFIX}/${path}`);
  }

  /** `haulout sync --json` on the instance: one round now, and its status. */
  async sync(): Promise<Status> {
    const result = await this.exec('haulout sync --json', 600_000);
    try {
      return JSON.parse(result.stdout) as Status;
    } catch {
      throw new Error(`no status from haulout sync (code ${result.code}): ${result.output}`);
    }
  }

  /** The status as it stands on the instance's disk. */
  async status(): Promise<Status> {
    return JSON.parse(await this.read('/var/lib/haulout/status.json')) as Status;
  }

  /** Runs a line of shell on the instance, as root. */
  exec(line: string, timeoutMs = 60_000): Promise<RunResult> {
    return this.machine.exec(['/bin/sh', '-c', line], { timeoutMs, keepBytes: 4 * 1024 * 1024 });
  }

  /** A file of the instance, seen from outside. */
  read(path: string): Promise<string> {
    return readFile(this.path(path), 'utf8');
  }

  async events(): Promise<AgentEvent[]> {
    const text = await this.read('/var/log/haulout/events.jsonl').catch(() => '');
    const lines = text.split('\n').filter((line) => line !== '');
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as AgentEvent];
      } catch {
        return [];
      }
    });
  }

  async waitFor(reached: (events: AgentEvent[]) => boolean, timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!reached(await this.events())) {
      if (performance.now() > end) {
        throw new Error(
          `not reached within ${timeoutMs / 1000} s; the agent said:\n${(await this.log()).slice(-4_000)}`,
        );
      }
      await pause(100);
    }
  }

  /** Processes whose command line holds the words, by pid inside the instance. */
  async pids(words: string): Promise<number[]> {
    const found: number[] = [];
    for (const name of await readdir(this.path('/proc'))) {
      const line = /^\d+$/.test(name) ? await this.read(`/proc/${name}/cmdline`).catch(() => '') : '';
      if (line.replaceAll('\0', ' ').includes(words)) found.push(Number(name));
    }
    return found.sort((a, b) => a - b);
  }

  /** SIGKILL for the resident agent, and first for the shell that would start it again; resolves when it is gone. */
  async killAgent(): Promise<void> {
    for (const found of [() => this.pids('run; case $? in'), () => this.agents()]) {
      const pids = await found();
      if (pids.length > 0) await this.exec(`kill -9 ${pids.join(' ')}`);
      while ((await found()).length > 0) await pause(10);
    }
  }

  /** Starts it again; resolves when it is at work. */
  async startAgent(): Promise<void> {
    await this.exec(START_AGENT);
    const end = performance.now() + 20_000;
    while (!(await this.#isListening())) {
      if (performance.now() > end) throw new Error(`the agent does not answer:\n${(await this.log()).slice(-4_000)}`);
      await pause(20);
    }
  }

  /** The resident agent, as this machine counts: to be killed at once, without a process being started for it. */
  async agentOutside(): Promise<number | undefined> {
    const [agent] = await this.agents();
    const inside = await readlink(`/proc/${this.machine.pid}/ns/pid`);
    for (const name of await readdir('/proc')) {
      const status = /^\d+$/.test(name) ? await readFile(`/proc/${name}/status`, 'utf8').catch(() => '') : '';
      if (!new RegExp(`^NSpid:.*\\t${agent}$`, 'm').test(status)) continue;
      if ((await readlink(`/proc/${name}/ns/pid`).catch(() => '')) === inside) return Number(name);
    }
    return undefined;
  }

  /** Resident agents by pid: one, or none. */
  async agents(): Promise<number[]> {
    const agents: number[] = [];
    for (const pid of await this.pids('/var/lib/haulout/agent/')) {
      const line = await this.read(`/proc/${pid}/cmdline`).catch(() => '');
      if (line.endsWith('\0run\0')) agents.push(pid);
    }
    return agents;
  }

  log(): Promise<string> {
    return this.read('/var/log/haulout/agent.log').catch(() => '(no agent log)');
  }

  /** The same path, as this machine sees it. */
  path(path: string): string {
    return join(`/proc/${this.machine.pid}/root`, path);
  }

  /** It is, once it holds the lock of whoever converges. */
  async #isListening(): Promise<boolean> {
    for (const pid of await this.agents()) {
      const directory = this.path(`/proc/${pid}/fd`);
      for (const name of await readdir(directory).catch(() => [])) {
        const held = await readlink(join(directory, name)).catch(() => '');
        if (held.endsWith('/run/haulout/lock')) return true;
      }
    }
    return false;
  }

  close(): Promise<void> {
    return this.cloud.close();
  }
}

export async function put(cloud: LocalCloud, path: string, content: string | Uint8Array): Promise<void> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  await cloud.s3.put(BUCKET, `${PREFIX}/${path}`, { bytes });
}

/** The launcher with its settings; the agent that it pins is uploaded. */
export async function userData(cloud: LocalCloud, options: RoleOptions): Promise<string> {
  const agent = await readFile(join(dist, 'agent.mjs'));
  const settings: Settings = {
    bucket: { bucket: BUCKET, prefix: PREFIX },
    endpoint: cloud.instanceEndpoint,
    region: cloud.region,
    anonymous: false,
    role: PREFIX,
    state: { bucket: BUCKET, prefix: '.haulout' },
    settleMs: options.settleMs ?? 0,
    agent: sha256(agent),
    ...options.settings,
  };
  await cloud.s3.put(BUCKET, agentKey(settings.state, settings.agent), { bytes: agent });
  return renderUserdata(await readFile(join(dist, 'bootstrap.js'), 'utf8'), settings);
}
