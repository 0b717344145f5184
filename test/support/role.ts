import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentEvent } from '../../src/agent/events.ts';
import { LocalCloud, type Machine } from '../../src/cloud/local.ts';
import { sha256 } from '../../src/lib/digest.ts';
import type { RunResult } from '../../src/lib/exec.ts';
import type { Status } from '../../src/status/status.ts';
import { agentKey } from '../../src/userdata/pin.ts';
import { renderUserdata } from '../../src/userdata/render.ts';
import type { Settings } from '../../src/userdata/settings.ts';

/** Objects of a role by path below its prefix: `haulout.ini`, `root/etc/motd`, `services/web/bin/start`. */
export type RoleFiles = Readonly<Record<string, string | Uint8Array>>;

export interface RoleOptions {
  /** Cron of the agent. Default: once a year, so that a test says when. */
  readonly schedule?: string;
  readonly settleMs?: number;
  /** Changes to the settings in user-data. */
  readonly settings?: Partial<Settings>;
  /** More files planted on the instance's disk before it boots. */
  readonly plant?: Readonly<Record<string, { content: string; mode: number }>>;
  /** How long the first round may take. Default 120 s. */
  readonly bootMs?: number;
  readonly onConsole?: (line: string) => void;
}

const BUCKET = 'test';
const PREFIX = 'role';

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
    const cloud = await LocalCloud.open({ gatewayScript: join(dist, 'gateway.mjs') });
    try {
      cloud.s3.createBucket(BUCKET);
      for (const [path, content] of Object.entries(files)) await put(cloud, path, content);
      const override = `[haulout]\nschedule = ${options.schedule ?? '0 0 1 1 *'}\nsplay = 0s\nupgrade = never\n`;
      const machine = await cloud.launch({
        role: PREFIX,
        userData: Buffer.from(await userData(cloud, options)),
        files: { '/etc/haulout/haulout.ini': { content: override, mode: 0o644 }, ...options.plant },
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
    const result = await this.exec('haulout sync --json', 300_000);
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
    return readFile(join(`/proc/${this.machine.pid}/root`, path), 'utf8');
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
        const log = await this.read('/var/log/haulout/agent.log').catch(() => '(no agent log)');
        throw new Error(`not reached within ${timeoutMs / 1000} s; the agent said:\n${log.slice(-4_000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  close(): Promise<void> {
    return this.cloud.close();
  }
}

async function put(cloud: LocalCloud, path: string, content: string | Uint8Array): Promise<void> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  await cloud.s3.put(BUCKET, `${PREFIX}/${path}`, { bytes });
}

async function userData(cloud: LocalCloud, options: RoleOptions): Promise<string> {
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
