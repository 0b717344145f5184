import type { InstanceLike } from '../../aws/ec2-answers.ts';
import { HauloutError, type Trouble } from '../../lib/errors.ts';
import type { Owner } from '../owner.ts';

/**
 * A swap, as far as it has come: one object in the state, written before each step is taken. Every step may be taken again,
 * so whoever reads this goes on where the last one was killed.
 *
 * step   | what is done                                            | then   | or
 * -------|---------------------------------------------------------|--------|--------
 * launch | an instance like the old one, under our token           | settle |
 * settle | wait until it is healthy, with the content it should have | move | back
 * move   | the address to the new one, and see that it is there    | prove  | back
 * prove  | ask through the address                                 | retire | back
 * retire | the old one ends: it drains, its hooks stop it          | done   | back
 * back   | the address to the old one again, the new one ends      | undone |
 */
export interface Operation {
  readonly schema: 1;
  readonly step: 'launch' | 'settle' | 'move' | 'prove' | 'retire' | 'back' | 'done' | 'undone';
  readonly old: string;
  readonly fresh?: string;
  /** RunInstances knows it: asked twice it launches once. */
  readonly token: string;
  readonly role: string;
  /** Undefined: there is none to move (`haulout replace`). */
  readonly address?: { readonly publicIp: string; readonly allocationId?: string };
  readonly probe?: string;
  /** How long the new one must stay healthy, its boot may take, and the address has to answer. */
  readonly holdMs: number;
  readonly timeoutMs: number;
  readonly proveMs: number;
  readonly like: Partial<InstanceLike>;
  readonly tags: Readonly<Record<string, string>>;
  /** Base64. */
  readonly userData?: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Why it went back. */
  readonly trouble?: Trouble;
  /** Who works at it: a sign of life is written every few seconds. */
  readonly owner: Owner;
}

const STEPS: readonly string[] = ['launch', 'settle', 'move', 'prove', 'retire', 'back', 'done', 'undone'];

export function isOver({ step }: Operation): boolean {
  return step === 'done' || step === 'undone';
}

/** Written by a desk, yet read as anybody's. Throws: a journal that cannot be read must not be taken for none. */
export function readOperation(bytes: Uint8Array, key: string): Operation {
  const value = parse(bytes);
  if (isOperation(value)) return value;
  throw new HauloutError({
    code: 'operation-unreadable',
    step: 'swap',
    subject: key,
    reason: 'what is written down of an earlier swap cannot be read',
    hint: 'look with `aws ec2 describe-addresses` who holds the address, then delete this object and run it again',
  });
}

function isOperation(value: unknown): value is Operation {
  if (typeof value !== 'object' || value === null) return false;
  const { schema, step, old, token, role, holdMs, timeoutMs, proveMs, owner } = value as Record<string, unknown>;
  const words = [step, old, token, role].every((word) => typeof word === 'string');
  if (schema !== 1 || !words || !STEPS.includes(String(step))) return false;
  if (![holdMs, timeoutMs, proveMs].every(Number.isFinite)) return false;
  return typeof owner === 'object' && owner !== null && typeof (owner as { at?: unknown }).at === 'string';
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
