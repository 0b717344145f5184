import type { Known } from '../bucket/settle.ts';
import type { StateFiles } from '../ledger/state-files.ts';
import type { Identity } from '../metadata/provider.ts';

/** What the agent remembers between rounds. All of it can be lost: it saves requests, never correctness. */
export interface Memory {
  identity: Identity | undefined;
  last: Known | undefined;
  strangers: readonly string[];
}

export async function recall(state: StateFiles): Promise<Memory> {
  const last = await state.readOther('last.json', isLast);
  const snapshot = last ? await state.readSnapshot(last.digest) : undefined;
  const known = last && snapshot ? { snapshot, print: last.print, prints: last.prints } : undefined;
  return { identity: undefined, last: known, strangers: [] };
}

/** What is written down of the last look, beside its snapshot. */
export async function remember(state: StateFiles, { snapshot, print, prints }: Known): Promise<void> {
  await state.writeOther('last.json', { digest: snapshot.digest, print, prints });
}

function isLast(value: unknown): value is { digest: string; print: string; prints: readonly string[] } {
  if (typeof value !== 'object' || value === null) return false;
  const { digest, print, prints } = value as Record<string, unknown>;
  if (typeof digest !== 'string' || typeof print !== 'string') return false;
  return Array.isArray(prints) && prints.every((each) => typeof each === 'string');
}
