import { readFile } from 'node:fs/promises';
import { type Lease, leaseExpiry, type Notice } from '../fleet/lease.ts';
import type { StateFiles } from '../ledger/state-files.ts';
import type { Clock } from '../lib/clock.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Status } from '../status/status.ts';
import type { Rhythm } from './rhythm.ts';
import { longestPause } from './schedule.ts';
import { readStatus } from './status-file.ts';

/** `/var/lib/haulout/boots.json`: how often this instance has booted. */
const NAME = 'boots.json';
/** More boots than a machine has: what says so was not written by us. */
const MOST = 1_000_000;

interface Kept {
  readonly bootId: string;
  readonly instanceId: string;
  readonly generation: number;
  readonly bootedAt: string;
}

export interface PresenceParts {
  readonly state: StateFiles;
  readonly bootId: string;
  readonly clock: Clock;
  /** Of haulout. */
  readonly version: string;
  readonly settleMs: number;
  readonly rhythm: () => Rhythm;
}

/** What the status says of this instance: its lease, which machine it is, which boot. */
export class Presence {
  readonly #parts: PresenceParts;
  #word: Pick<Lease, 'state' | 'notice'> = { state: 'active' };
  #known: { readonly identity: Identity; readonly kept: Kept } | undefined;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
  }

  /** Counts the boot, once. Never throws: a count that cannot be kept is counted again. */
  async know(identity: Identity): Promise<void> {
    if (this.#known?.identity.instanceId === identity.instanceId) {
      this.#known = { ...this.#known, identity };
      return;
    }
    const { state, bootId } = this.#parts;
    const { instanceId } = identity;
    const found = await state.readOther(NAME, isKept);
    // Of another instance: the disk is a copy of its.
    const own = found?.instanceId === instanceId ? found : undefined;
    let kept = own;
    if (kept?.bootId !== bootId) {
      const generation = Math.max(own?.generation ?? 0, await this.#told(instanceId)) + 1;
      kept = { bootId, instanceId, generation, bootedAt: await bootTime(this.#parts.clock) };
      await state.writeOther(NAME, kept).catch(() => undefined);
    }
    this.#known = { identity, kept };
  }

  /** From now on the lease says so. */
  say(state: Lease['state'], notice: Notice | undefined): void {
    this.#word = { state, ...(notice ? { notice } : {}) };
  }

  get isLeaving(): boolean {
    return this.#word.state !== 'active';
  }

  /** As of now; nothing before it is known which machine this is. */
  told(): Pick<Status, 'lease' | 'instance'> {
    if (!this.#known) return {};
    const { identity, kept } = this.#known;
    const { localIpv4, publicIpv4, instanceType, availabilityZone, region } = identity;
    const { bootedAt, generation } = kept;
    const { version: agent } = this.#parts;
    return {
      lease: { generation, expires: this.#expires(), ...this.#word },
      instance: { localIpv4, publicIpv4, instanceType, availabilityZone, region, bootedAt, agent },
    };
  }

  #expires(): Lease['expires'] {
    const { clock, settleMs, rhythm } = this.#parts;
    const { schedule, timezone, splayMs } = rhythm();
    return leaseExpiry(clock.now(), { intervalMs: longestPause(schedule, timezone), splayMs, settleMs });
  }

  /** Where the count was lost, the last status still has it. */
  async #told(instanceId: string): Promise<number> {
    const status = await readStatus(this.#parts.state.directory);
    const generation: unknown = status?.lease?.generation;
    return status?.instanceId === instanceId && isGeneration(generation) ? generation : 0;
  }
}

/** proc(5): `btime`, seconds since 1970. */
async function bootTime(clock: Clock): Promise<string> {
  const text = await readFile('/proc/stat', 'utf8').catch(() => '');
  const seconds = Number(/^btime (\d{1,12})$/m.exec(text)?.[1] ?? Number.NaN);
  return new Date(Number.isNaN(seconds) ? clock.now() : seconds * 1_000).toISOString();
}

function isGeneration(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0 && Number(value) < MOST;
}

function isKept(value: unknown): value is Kept {
  if (typeof value !== 'object' || value === null) return false;
  const { bootId, instanceId, generation, bootedAt } = value as Record<string, unknown>;
  const texts = [bootId, instanceId].every((text) => typeof text === 'string');
  return texts && isGeneration(generation) && typeof bootedAt === 'string' && !Number.isNaN(Date.parse(bootedAt));
}
