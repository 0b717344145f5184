import { spawn } from 'node:child_process';
import { Stop } from './stop.ts';

const GRACE_MS = 5_000;

/** Runs `<agent> install <words>` to its end. What it leaves behind is its own business. */
export function runInstall(
  path: string,
  words: readonly string[],
  env: Record<string, string>,
  limitMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path, 'install', ...words], { stdio: 'inherit', env });
    let late = '';
    const stop = setTimeout(() => {
      late = `did not end within ${limitMs / 1_000} s`;
      child.kill();
      kill = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    }, limitMs);
    let kill = stop;
    const end = (reason: string, exit = 1) => {
      clearTimeout(stop);
      clearTimeout(kill);
      if (exit === 0) resolve();
      else reject(new Stop(exit, 'agent: install', reason, 'Read the lines above, then run this script again'));
    };
    child.once('error', (error) => end(error.message));
    child.once('exit', (code, signal) =>
      end(late || `ended by ${signal ?? `exit code ${code}`}`, late ? 1 : (code ?? 1)),
    );
  });
}
