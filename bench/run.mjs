// `npm run bench [NAME ...] [--rounds N]`: measures, and writes docs/bench.json, and from it docs/bench.md and docs/bench.svg.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'haulout-bench-'));
// As src/build.mjs makes the agent.
const REQUIRE =
  "import{createRequire as hauloutRequire}from'node:module';const require=hauloutRequire(import.meta.url);";

await build({
  entryPoints: {
    look: join(here, 'reading/look.ts'),
    store: join(here, 'reading/store.ts'),
    main: join(here, 'main.ts'),
  },
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  mainFields: ['module', 'main'],
  logLevel: 'warning',
  banner: { js: REQUIRE },
  define: { HAULOUT_VERSION: '"bench"' },
});
process.chdir(dirname(here));
// The tests' instances look for the built product beside themselves, and these are bundled elsewhere.
process.env.HAULOUT_TEST_DIST ??= join(dirname(here), 'dist');
const { main } = await import(pathToFileURL(join(out, 'main.mjs')).href);
try {
  process.exitCode = await main(process.argv.slice(2), out);
} finally {
  rmSync(out, { recursive: true, force: true });
}
