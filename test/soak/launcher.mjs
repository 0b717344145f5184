// Cuts the launcher at every byte and hands each piece to every reader: nothing may run (reference: reliability S16, B4).
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildLauncher } from '../../src/userdata/launcher/build.mjs';

const PARALLEL = 2;
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Node 20 reads no TypeScript: the checker the tests use is bundled in memory. */
async function load(name) {
  const { outputFiles } = await build({
    entryPoints: [here(name)],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}

const { READERS, allCuts, checkCuts, controlRun } = await load('../support/truncation.ts');
const settings = `HAULOUT_BUCKET=s3://planet-example/envs/prod/planet\nHAULOUT_AGENT=${'0123456789abcdef'.repeat(4)}`;
const text = (await buildLauncher()).replace('#HAULOUT_SETTINGS', settings);
const cuts = allCuts(text);
console.log(`launcher: ${text.length} bytes, ${cuts.length} cuts, ${READERS.length} readers`);

let failures = 0;
for (const reader of READERS) {
  const control = await controlRun(text, reader);
  const started = performance.now();
  const { runs, violations } = await checkCuts(text, reader, cuts, PARALLEL);
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  console.log(
    `${reader.name}: ${runs} cuts, ${violations.length} ran something, ${seconds} s; whole: ${control.join('; ')}`,
  );
  for (const violation of violations.slice(0, 10)) console.log(`  ${violation}`);
  failures += violations.length + (control.length === 0 ? 1 : 0);
}
process.exitCode = failures === 0 ? 0 : 1;
