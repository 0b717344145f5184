import type { Snapshot } from '../bucket/snapshot.ts';
import type { StateFiles } from '../ledger/state-files.ts';
import type { Identity } from '../metadata/provider.ts';

/** What the agent remembers between rounds. All of it can be lost: it saves requests, never correctness. */
export interface Memory {
  identity: Identity | undefined;
  last: { readonly snapshot: Snapshot; readonly print: string } | undefined;
  strangers: readonly string[];
}

export async function recall(state: StateFiles): Promise<Memory> {
  const last = await state.readOther('last.json', isLast);
  const snapshot = last ? await state.readSnapshot(last.digest) : undefined;
  return { identity: undefined, last: last && snapshot ? { snapshot, print: last.print } : undefined, strangers: [] };
}

function isLast(value: unknown): value is { digest: string; print: string } {
  if (typeof value !== 'object' || value === null) return false;
  const { digest, print } = value as Record<string, unknown>;
  return typeof digest === 'string' && typeof print === 'string';
}
