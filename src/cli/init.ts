import { mkdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { errorCode, HauloutError } from '../lib/errors.ts';
import { EXIT } from '../lib/exit.ts';
import { samples } from './init-samples.ts';
import { checkRoleName } from './role-directory.ts';
import { data, paint, say } from './talk.ts';

/** `haulout init`: a small role that boots as it stands. Nothing that exists is touched. */
export async function init(directory: string, options: { json?: boolean }): Promise<number> {
  const top = resolve(directory);
  checkRoleName(top, 'init');
  const files = samples(serviceName(basename(top)));
  const there: string[] = [];
  for (const { path } of files) if (await stat(join(top, path)).catch(() => undefined)) there.push(path);
  if (there.length > 0) throw occupied(directory, there);
  try {
    for (const { path, content, mode } of files) {
      await mkdir(dirname(join(top, path)), { recursive: true });
      await writeFile(join(top, path), content, { flag: 'wx', mode });
    }
  } catch (error) {
    throw notWritten(directory, error);
  }
  if (options.json) data({ schema: 1, directory, written: files.map(({ path }) => path) });
  else {
    for (const { path, says } of files)
      process.stdout.write(`${join(directory, path).padEnd(40)} ${paint.dim(says)}\n`);
    say(`next: haulout try ${directory}`);
  }
  return EXIT.done;
}

/** The role's name as a service may have it; the system's own web server is `web` already. */
function serviceName(role: string): string {
  const name = role
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[-_]+/, '')
    .slice(0, 63);
  return name === '' || name === 'web' ? 'site' : name;
}

function notWritten(directory: string, cause: unknown): HauloutError {
  return new HauloutError(
    {
      code: 'not-written',
      step: 'init',
      subject: directory,
      reason: `it cannot be written into (${errorCode(cause) ?? 'unknown'})`,
      hint: 'name a directory, new or empty, in a place that is yours: haulout init NAME',
    },
    cause,
  );
}

function occupied(directory: string, paths: readonly string[]): HauloutError {
  return new HauloutError({
    code: 'already-there',
    step: 'init',
    subject: directory,
    reason: `these exist already: ${paths.join(', ')}`,
    hint: 'name an empty directory: haulout init NAME',
  });
}
