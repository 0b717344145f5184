import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** The gateway program as it is shipped, built into a directory that the caller removes. */
export async function builtGateway(): Promise<{ script: string; directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'haulout-gateway-'));
  const script = await bundle(new URL('../../src/cloud/gateway.ts', import.meta.url), join(directory, 'gateway.mjs'));
  return { script, directory };
}

/** A program of this repository as one file that any Node runs. */
export async function bundle(entry: URL, outfile: string): Promise<string> {
  await build({
    entryPoints: [fileURLToPath(entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
  });
  return outfile;
}
