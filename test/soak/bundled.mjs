import { rm } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** Node 20 reads no TypeScript: what the tests use is bundled beside itself, so that paths relative to it stay right. */
export async function bundled(name) {
  const entry = fileURLToPath(new URL(name, import.meta.url));
  const outfile = entry.replace(/\.ts$/, `.${process.pid}.mjs`);
  const format = { bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external' };
  await build({ entryPoints: [entry], outfile, ...format, logLevel: 'warning' });
  try {
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(outfile, { force: true });
  }
}
