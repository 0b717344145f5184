import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const LARGEST = 1024 ** 2;

/**
 * Cuts logs of a directory that have grown beyond `largest`. In place, because a running service holds the file open, and so
 * does the agent where there is no journal; it writes by appending, so its next line stands at the new beginning. Called at each sync.
 */
export async function trimLogs(logs: string, largest = LARGEST): Promise<void> {
  const names = await readdir(logs).catch(() => []);
  for (const name of names) if (name.endsWith('.log')) await trim(join(logs, name), largest);
}

async function trim(path: string, largest: number): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW).catch(() => undefined);
  if (!file) return; // a link, a directory: no log of ours
  try {
    const { size } = await file.stat();
    if (size <= largest) return;
    const kept = Math.floor(largest / 4);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(kept), 0, kept, size - kept);
    await file.truncate(0);
    await file.appendFile(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}
