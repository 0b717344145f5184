import type { Notice } from '../fleet/lease.ts';
import type { StateFiles } from '../ledger/state-files.ts';

/** `/var/lib/haulout/farewell.json`: that this instance is leaving, for an agent that is started again in the middle of it. */
const NAME = 'farewell.json';
const MOST_SERVICES = 10_000;

export interface Farewell {
  readonly state: 'draining' | 'ended';
  readonly notice: Notice;
  /** Services that were drained or stopped, or were about to be. */
  readonly touched: readonly string[];
}

/** Of this boot alone: a machine that was started again is not leaving. */
export class FarewellFile {
  readonly #state: StateFiles;
  readonly #bootId: string;

  constructor(state: StateFiles, bootId: string) {
    this.#state = state;
    this.#bootId = bootId;
  }

  async read(): Promise<Farewell | undefined> {
    const kept = await this.#state.readOther(NAME, isKept);
    return kept?.bootId === this.#bootId && kept.farewell ? kept.farewell : undefined;
  }

  /** undefined: it stays. A disk that takes nothing keeps no machine from leaving. */
  async keep(farewell: Farewell | undefined): Promise<void> {
    await this.#state.writeOther(NAME, { bootId: this.#bootId, farewell: farewell ?? null }).catch(() => undefined);
  }
}

interface Kept {
  readonly bootId: string;
  readonly farewell: Farewell | null;
}

function isKept(value: unknown): value is Kept {
  if (!isObject(value) || typeof value['bootId'] !== 'string') return false;
  return value['farewell'] === null || isFarewell(value['farewell']);
}

function isFarewell(value: unknown): value is Farewell {
  if (!isObject(value) || !isNotice(value['notice'])) return false;
  const { state, touched } = value;
  if (state !== 'draining' && state !== 'ended') return false;
  return Array.isArray(touched) && touched.length <= MOST_SERVICES && touched.every((id) => typeof id === 'string');
}

const KINDS: readonly unknown[] = [
  'spot',
  'rebalance',
  'scheduled',
  'autoscaling',
  'shutdown',
] satisfies Notice['kind'][];

function isNotice(value: unknown): value is Notice {
  if (!isObject(value) || !KINDS.includes(value['kind'])) return false;
  const { heard, deadline } = value;
  return isTime(heard) && (deadline === undefined || isTime(deadline));
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
