import { open } from 'node:fs/promises';
import type { AgentEvent } from '../../agent/events.ts';

const LOOK_EVERY_MS = 150;
const PATH = 'var/log/haulout/events.jsonl';

/**
 * Follows an instance's event log from outside, through its first process's view of the file system: no request into the
 * instance, nothing that it could notice or hold up.
 */
export async function followEvents(
  pid: number,
  signal: AbortSignal,
  onEvent: (event: AgentEvent) => void,
): Promise<void> {
  const path = `/proc/${pid}/root/${PATH}`;
  let at = 0;
  let rest = '';
  while (!signal.aborted) {
    const text = await readFrom(path, at).catch(() => undefined);
    if (text !== undefined) {
      at = text.end;
      const lines = (rest + text.added).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) deliver(line, onEvent);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

async function readFrom(path: string, at: number): Promise<{ added: string; end: number }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const from = size < at ? 0 : at; // a new file took its place
    const buffer = Buffer.alloc(size - from);
    await file.read(buffer, 0, buffer.length, from);
    return { added: buffer.toString('utf8'), end: size };
  } finally {
    await file.close();
  }
}

function deliver(line: string, onEvent: (event: AgentEvent) => void): void {
  try {
    onEvent(JSON.parse(line) as AgentEvent);
  } catch {
    return; // a line that is no event is not ours to judge
  }
}
