import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run, SYSTEM_ENVIRONMENT } from './exec.ts';

const SYNC_MS = 600_000;

/** Everything below `tree` on disk: one call for the file system where there is `sync -f`, else file by file. */
export async function syncTree(tree: string): Promise<void> {
  const synced = await run(['sync', '-f', tree], { env: SYSTEM_ENVIRONMENT, timeoutMs: SYNC_MS }).catch(
    () => undefined,
  );
  if (synced?.code === 0) return;
  await syncPath(tree);
  for (const entry of await readdir(tree, { withFileTypes: true, recursive: true })) {
    await syncPath(join(entry.parentPath, entry.name));
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
