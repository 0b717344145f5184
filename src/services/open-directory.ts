import { chmod, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A directory that hooks of any user pass through, with its parents, whatever the umask of the agent is. */
export async function makeOpen(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await chmod(made, 0o755);
}
