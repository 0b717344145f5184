import type { BucketAddress } from '../../aws/location.ts';
import type { BucketWriter } from '../../aws/write.ts';
import { runtimeNoteKey } from '../../userdata/pin.ts';
import { ARCHITECTURES, type Architecture } from '../../userdata/runtimes.ts';

/**
 * `<state>/runtime/current.json`: which runtimes were added last, so that `haulout userdata` need not be told. What it names is
 * pinned into the script by its sha256; a machine never reads the note, so who can change it changes no machine that runs.
 */
export type RuntimeNote = { readonly [arch in Architecture]?: NotedRuntime };

export interface NotedRuntime {
  readonly sha256: string;
  readonly version: string;
  /** Bytes to fetch. */
  readonly size: number;
}

const LARGEST = 64 * 1024;

export async function readNote(writer: BucketWriter, state: BucketAddress): Promise<RuntimeNote> {
  const bytes = await writer.get(state.bucket, runtimeNoteKey(state), LARGEST);
  return bytes === undefined ? {} : parseNote(Buffer.from(bytes).toString('utf8'));
}

/** The others of the note stay. */
export async function addToNote(writer: BucketWriter, state: BucketAddress, added: RuntimeNote): Promise<void> {
  const runtimes = { ...(await readNote(writer, state)), ...added };
  const text = `${JSON.stringify({ schema: 1, runtimes }, null, 2)}\n`;
  await writer.put(state.bucket, runtimeNoteKey(state), Buffer.from(text), { contentType: 'application/json' });
}

/** Written by some desk, so read as anybody's: what is not right is not there. */
export function parseNote(text: string): RuntimeNote {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return {};
  }
  const { runtimes } = (parsed ?? {}) as { runtimes?: Record<string, unknown> };
  return Object.fromEntries(
    ARCHITECTURES.flatMap((arch) => (isNoted(runtimes?.[arch]) ? [[arch, runtimes[arch]]] : [])),
  );
}

function isNoted(value: unknown): value is NotedRuntime {
  const { sha256, version, size } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    typeof version === 'string' &&
    /^\d+\.\d+\.\d+$/.test(version) &&
    Number.isSafeInteger(size)
  );
}
