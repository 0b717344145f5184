import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * The bytes of a regular file of at most `limit`; undefined when something else stands there. Opened without waiting: a pipe
 * in the place of a file must not hold its reader for ever. Rejects with the file system's error.
 */
export async function readRegular(path: string, limit: number): Promise<Buffer | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    return found.isFile() && found.size <= limit ? await file.readFile() : undefined;
  } finally {
    await file.close();
  }
}
