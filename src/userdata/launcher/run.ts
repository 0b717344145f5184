import { pathToFileURL } from 'node:url';
import { Stop } from './stop.ts';
import { messageOf } from './world.ts';

/**
 * Does what `<agent> install <words>` would, with this environment and no other, in this process: to start a second Node takes
 * as long as all that came before. What it leaves behind is its own business.
 */
export async function runInstall(
  path: string,
  words: readonly string[],
  env: Record<string, string>,
  limitMs: number,
): Promise<void> {
  process.argv = [process.execPath, path, 'install', ...words];
  process.env = env;
  let limit: NodeJS.Timeout | undefined;
  const late = new Promise((_, reject) => {
    limit = setTimeout(() => reject(new Error(`did not end within ${limitMs / 1_000} s`)), limitMs);
  });
  const stop = (exit: number, reason: string) =>
    new Stop(exit, 'agent: install', reason, 'Read the lines above, then run this script again');
  await Promise.race([import(pathToFileURL(path).href), late]).catch((error: unknown) => {
    throw stop(1, messageOf(error));
  });
  clearTimeout(limit);
  const code = Number(process.exitCode ?? 0);
  if (code !== 0) throw stop(code, `ended by exit code ${code}`);
}
