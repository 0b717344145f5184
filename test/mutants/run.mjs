// npm run mutants [ID ...]: breaks the code on purpose, one law at a time, and sees whether the tests notice.
// Each mutant is a copy of this repository with one line changed, built as a release is, and run under the tests that
// guard its law. A suite that passes over a mutant has lost its teeth, and the last line says so: N/N caught, or not.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MUTANTS } from './mutants.mjs';

const top = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const COPIED = [
  'src',
  'test',
  'bench',
  'buckets',
  'docs',
  'userdata',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'vitest.config.ts',
  'README.md',
];
const LIMIT_MS = 300_000;
/** All guards at once, each of which may boot machines. */
const GUARD_MS = 60_000;

const only = process.argv.slice(2);
const chosen = MUTANTS.filter(({ id }) => only.length === 0 || only.includes(id));
const base = mkdtempSync(join(tmpdir(), 'haulout-mutants-'));
let caught = 0;
try {
  const guards = [...new Set(chosen.flatMap(({ tests }) => tests))];
  say(`${chosen.length} mutants; first the guards on the code as it is: ${guards.length} test files`);
  const clean = prepare('clean', undefined);
  const before = runTests(clean, guards, [], Math.max(LIMIT_MS, guards.length * GUARD_MS));
  if (before.code !== 0) fail(`the guards fail without any mutant:\n${before.output.slice(-4_000)}`);
  rmSync(clean, { recursive: true });
  for (const mutant of chosen) {
    const tree = prepare(mutant.id, mutant);
    const { code, output, ms } = runTests(tree, mutant.tests, mutant.only ? ['-t', mutant.only] : []);
    rmSync(tree, { recursive: true });
    const failed = /Tests\s+.*?(\d+) failed/.exec(output.replace(/\u001b\[[0-9;]*m/g, ''))?.[1];
    // Caught means that a test said no; a run that could not even start proves nothing.
    const dead = code !== 0 && failed !== undefined;
    if (dead) caught++;
    const word = dead
      ? `caught (${failed} failed)`
      : code === 0
        ? 'SURVIVED'
        : `NOT PROVEN (${output.slice(-300).trim()})`;
    say(`law ${String(mutant.law).padStart(2)}  ${mutant.id.padEnd(32)} ${word}  ${Math.round(ms / 1000)} s`);
  }
} finally {
  rmSync(base, { recursive: true, force: true });
}
process.stdout.write(`${caught}/${chosen.length} mutants caught\n`);
process.exitCode = caught === chosen.length ? 0 : 1;

/** A copy of the repository, with the mutant in it, built. */
function prepare(id, mutant) {
  const tree = join(base, id);
  for (const name of COPIED) cpSync(join(top, name), join(tree, name), { recursive: true });
  symlinkSync(join(top, 'node_modules'), join(tree, 'node_modules'));
  if (mutant) {
    const path = join(tree, mutant.file);
    const text = readFileSync(path, 'utf8');
    if (text.split(mutant.find).length !== 2)
      fail(`${id}: its line stands ${text.split(mutant.find).length - 1} times in ${mutant.file}`);
    writeFileSync(
      path,
      text.replace(mutant.find, () => mutant.replace),
    );
  }
  const built = spawnSync(process.execPath, ['src/build.mjs'], { cwd: tree, encoding: 'utf8', timeout: LIMIT_MS });
  if (built.status !== 0) fail(`${id} does not build:\n${built.stderr}`);
  return tree;
}

function runTests(tree, tests, more, limitMs = LIMIT_MS) {
  const started = Date.now();
  const vitest = join('node_modules', 'vitest', 'vitest.mjs');
  const argv = [vitest, 'run', '--bail=1', '--reporter=default', ...tests, ...more];
  const result = spawnSync(process.execPath, argv, {
    cwd: tree,
    encoding: 'utf8',
    timeout: limitMs,
    env: { ...process.env, CI: 'true' },
  });
  return { code: result.status, output: `${result.stdout}${result.stderr}`, ms: Date.now() - started };
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

function fail(why) {
  say(`mutants: ${why}`);
  rmSync(base, { recursive: true, force: true });
  process.exit(1);
}
