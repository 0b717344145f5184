// Builds dist/: the launcher, the agent, the command line, the local cloud. Plain JavaScript, because it runs before anything
// is built. `--if-stale` builds only when a source is newer; `--meta` says what is in each bundle, by package.
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildLauncher } from './userdata/launcher/build.mjs';

const top = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(top, 'dist');
const { version } = JSON.parse(await readFile(join(top, 'package.json'), 'utf8'));

// ESM: node-cron does not survive being made CommonJS. Bundled CommonJS packages still call require, under a name that no
// minified bundle uses itself.
const REQUIRE =
  "import{createRequire as hauloutRequire}from'node:module';const require=hauloutRequire(import.meta.url);";

const common = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  mainFields: ['module', 'main'],
  legalComments: 'none',
  charset: 'utf8',
  metafile: true,
  write: false,
  logLevel: 'warning',
  absWorkingDir: top,
  define: { HAULOUT_VERSION: JSON.stringify(version) },
};

if (process.argv.includes('--if-stale') && !(await isStale())) process.exit(0);
await mkdir(dist, { recursive: true });
const agent = await bundle('src/agent/main.ts', 'agent.mjs', { minify: true, head: `/* haulout-agent ${version} */` });
const gateway = await bundle('src/cloud/gateway.ts', 'gateway.mjs', { minify: true });
const rest = [];
if (!process.argv.includes('--agent-only')) {
  rest.push(await split({ cli: 'src/cli/main.ts', local: 'src/cloud/local.ts' }));
}
await put('bootstrap.js', await buildLauncher(), 0o755);
if (process.argv.includes('--meta')) for (const made of [agent, gateway]) tellMeta(made);

/** One file that is all there is: what a machine fetches by its sha256, or runs alone in a namespace. */
async function bundle(entry, name, { minify, head = '' }) {
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: [entry],
    outfile: join(dist, name),
    minify,
    banner: { js: head + REQUIRE },
  });
  const [{ contents }] = outputFiles;
  await put(name, contents, 0o644);
  return { name, size: contents.length, metafile };
}

/** The desk's programs share their parts, and a command loads only what it needs. */
async function split(entryPoints) {
  const result = await build({
    ...common,
    entryPoints,
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    splitting: true,
    chunkNames: 'parts/[name]-[hash]',
    banner: { js: REQUIRE },
  });
  const made = result.outputFiles.map(({ path }) => path.slice(dist.length + 1));
  for (const { path, contents } of result.outputFiles) await put(path.slice(dist.length + 1), contents, 0o644);
  const parts = await readdir(join(dist, 'parts')).catch(() => []);
  for (const name of parts) if (!made.includes(`parts/${name}`)) await rm(join(dist, 'parts', name));
  await chmod(join(dist, 'cli.mjs'), 0o755);
  return result;
}

/** Whole or not at all: another process may be reading the old one. */
async function put(name, content, mode) {
  const path = join(dist, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.${process.pid}`, content, { mode });
  await rename(`${path}.${process.pid}`, path);
}

async function isStale() {
  const built = await stat(join(dist, 'bootstrap.js')).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  const sources = await readdir(join(top, 'src'), { recursive: true, withFileTypes: true });
  const files = sources.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of [...files, join(top, 'package-lock.json')]) if ((await stat(file)).mtimeMs > built) return true;
  return false;
}

/** Bytes of the output by the package they come from. */
function tellMeta({ name, size, metafile }) {
  const byPackage = new Map();
  const [output] = Object.values(metafile.outputs);
  for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
    const found = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? 'haulout';
    const group = found.startsWith('@aws-sdk/') || found.startsWith('@smithy/') ? '@aws-sdk + @smithy' : found;
    byPackage.set(group, (byPackage.get(group) ?? 0) + bytesInOutput);
  }
  process.stdout.write(`${name}: ${size} bytes\n`);
  for (const [group, bytes] of [...byPackage].sort((a, b) => b[1] - a[1])) {
    process.stdout.write(`  ${String(bytes).padStart(8)}  ${group}\n`);
  }
}
