import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { HauloutError } from '../lib/errors.ts';

/** What the build put beside this program: the agent, the launcher, the gateway. */
export function distPath(name: 'agent.mjs' | 'bootstrap.js' | 'gateway.mjs'): string {
  return fileURLToPath(new URL(`./${name}`, PROGRAM));
}

/** Commands live in dist/parts/; the files they want live beside dist/cli.mjs. */
const PROGRAM = new URL(import.meta.url.includes('/parts/') ? '../cli.mjs' : './cli.mjs', import.meta.url);

export async function readDist(name: 'agent.mjs' | 'bootstrap.js'): Promise<Buffer> {
  try {
    return await readFile(distPath(name));
  } catch (error) {
    throw new HauloutError(
      { code: 'not-built', step: 'haulout', subject: name, reason: 'it is not built', hint: 'npm run build' },
      error,
    );
  }
}
