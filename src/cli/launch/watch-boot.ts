import type { Ec2 } from '../../aws/ec2.ts';
import type { Clock } from '../../lib/clock.ts';
import { formatDuration } from '../../lib/duration.ts';
import type { Trouble } from '../../lib/errors.ts';
import type { Status } from '../../status/status.ts';
import type { Statuses } from './statuses.ts';

/** Where an instance's boot is looked at from. */
export interface Lookout {
  readonly ec2: Ec2;
  readonly statuses: Statuses;
  readonly clock: Clock;
  readonly say: (words: string) => void;
}

export interface Expected {
  readonly id: string;
  readonly role: string;
  /** How long it must stay healthy. */
  readonly holdMs: number;
  readonly timeoutMs: number;
}

export type Boot =
  | { readonly ok: true; readonly status: Status; readonly ms: number }
  | { readonly ok: false; readonly trouble: Trouble; readonly status: Status | undefined };

const LOOK_MS = 1_000;
/** EC2 may not know an instance for a while that it has just launched. */
const UNKNOWN_MS = 120_000;
const GONE = ['shutting-down', 'terminated', 'stopping', 'stopped'];

/**
 * Waits until an instance says of itself that it is healthy, with what the bucket holds (its digest is in the status), and has said
 * so for a while. Each thing that is new on the way there is told.
 */
export async function watchBoot(lookout: Lookout, expected: Expected): Promise<Boot> {
  const { ec2, statuses, clock } = lookout;
  const { id, role, holdMs, timeoutMs } = expected;
  const started = clock.elapsed();
  const teller = new Teller(lookout.say, id);
  let healthySince: number | undefined;
  let status: Status | undefined;
  for (;;) {
    const passed = clock.elapsed() - started;
    const instance = await ec2.find(id);
    const state = instance?.state ?? (passed > UNKNOWN_MS ? 'terminated' : 'pending');
    teller.state(state);
    if (GONE.includes(state)) return { ok: false, trouble: gone(id, state), status };
    status = (await statuses.read(role, id)) ?? status;
    if (status) teller.status(status);
    if (status && isWell(status)) healthySince ??= clock.elapsed();
    else healthySince = undefined;
    if (status && healthySince !== undefined && clock.elapsed() - healthySince >= holdMs)
      return { ok: true, status, ms: clock.elapsed() - started };
    if (passed > timeoutMs) return { ok: false, trouble: late(id, timeoutMs, status), status };
    await clock.sleep(LOOK_MS);
  }
}

/** Healthy, and by the content that the bucket holds: not by an older one that it went back to. */
function isWell({ health, content, lease }: Status): boolean {
  const current = content.active !== undefined && content.active === content.wanted && !content.setAside;
  return health === 'healthy' && current && (lease === undefined || lease.state === 'active');
}

/** Says each new thing once. */
class Teller {
  readonly #say: (words: string) => void;
  readonly #id: string;
  #state = '';
  #words = '';
  #told = new Set<string>();

  constructor(say: (words: string) => void, id: string) {
    this.#say = say;
    this.#id = id;
  }

  state(state: string): void {
    if (state !== this.#state) this.#say(`${this.#id}: ${state}`);
    this.#state = state;
  }

  status({ health, content, timeline, trouble }: Status): void {
    for (const { step, subject, ms, ok, code } of timeline) {
      const name = `${step}${subject === undefined ? '' : ` ${subject}`}`;
      const line = `${name} ${ok ? 'done' : `failed (${code ?? 'no reason'})`}`;
      if (!this.#told.has(line)) this.#say(`${this.#id}:   ${line}, ${formatDuration(ms)}`);
      this.#told.add(line);
    }
    const words = `${health}${content.active === undefined ? '' : `, content ${content.active.slice(0, 12)}`}`;
    if (words !== this.#words) this.#say(`${this.#id}: ${words}`);
    if (words !== this.#words && trouble) this.#say(`${this.#id}: ${trouble.subject}: ${trouble.reason}`);
    this.#words = words;
  }
}

function gone(id: string, state: string): Trouble {
  return {
    code: 'instance-gone',
    step: 'launch',
    subject: id,
    reason: `the instance is ${state} before it was healthy`,
    hint: `see why: aws ec2 get-console-output --instance-id ${id} --output text`,
  };
}

function late(id: string, timeoutMs: number, status: Status | undefined): Trouble {
  const limit = formatDuration(timeoutMs);
  if (status?.trouble) {
    const { code, step, subject, reason, hint } = status.trouble;
    return { code, step, subject, reason: `${reason} (not healthy within ${limit})`, hint };
  }
  const said = status ? `it says it is ${status.health}` : 'it has not said anything';
  return {
    code: 'instance-not-healthy',
    step: 'launch',
    subject: id,
    reason: `the instance is not healthy within ${limit}: ${said}`,
    hint: `see its console: aws ec2 get-console-output --instance-id ${id} --output text; or wait longer: --timeout 30m`,
  };
}
