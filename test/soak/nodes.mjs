// The suite on newer versions of Node: `npm run soak nodes [VERSION ...] [-- TEST ...]`, by default all tests on each of those below.
// They are npm's own packages of the official builds, unpacked into a temporary directory. As root on Linux the machines that tests
// boot have that Node, too: it stands over the one of this machine in a mount namespace of its own. `--sample` is what CI runs; there
// it is the machines without a Node that get this one, out of their bucket.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSIONS = ['22.23.3', '24.9.0', '24.21.0'];
const SAMPLE = { versions: ['22.23.3', '24.9.0'], tests: ['test/lib', 'test/agent', 'test/e2e/no-node.test.ts'] };
const SUITE_MS = 45 * 60_000;
const LOAD_MS = 5 * 60_000;

const top = fileURLToPath(new URL('../..', import.meta.url));
const words = process.argv.slice(2);
const isSample = words.includes('--sample');
const [named, tests] = [words.filter((word) => /^\d/.test(word)), words.filter((word) => word.startsWith('test/'))];
const versions = named.length > 0 ? named : isSample ? SAMPLE.versions : VERSIONS;
const chosen = tests.length > 0 ? tests : isSample ? SAMPLE.tests : [];

/** Where this machine's Node stands below /usr, to be covered; undefined where that cannot be, or is not needed. */
const own = realpathSync(process.execPath);
const SYSTEM_PLACE =
  !isSample && process.getuid?.() === 0 && own.startsWith('/usr/') ? own.slice('/usr/'.length) : undefined;

const work = mkdtempSync(join(tmpdir(), 'haulout-nodes-'));
chmodSync(work, 0o755); // some tests run a Node as nobody
const total = { passed: 0, failed: 0, skipped: 0 };
try {
  for (const version of versions) {
    const count = suiteOn(unpacked(version), join(work, `${version}.json`));
    for (const word of Object.keys(total)) total[word] += count[word];
    console.log(`Node ${version}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(`${versions.length} versions: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;

/** A directory that has this Node where /usr has its own: bin/node, local/bin/node ... */
function unpacked(version) {
  const directory = join(work, version);
  mkdirSync(directory);
  const name = `node-linux-${process.arch}@${version}`;
  sure(spawnSync('npm', ['pack', '--silent', '--pack-destination', directory, name], { timeout: LOAD_MS }), name);
  const [archive] = readdirSync(directory);
  const tar = ['-xzf', join(directory, archive), '-C', directory, 'package/bin/node'];
  sure(spawnSync('tar', tar, { timeout: LOAD_MS }), archive);
  const usr = join(directory, 'usr');
  const place = join(usr, SYSTEM_PLACE ?? 'bin/node');
  mkdirSync(dirname(place), { recursive: true });
  renameSync(join(directory, 'package/bin/node'), place);
  chmodSync(place, 0o755);
  return { usr, place };
}

function suiteOn({ usr, place }, report) {
  const vitest = [join(top, 'node_modules/vitest/vitest.mjs'), 'run', ...chosen];
  const reporters = ['--silent', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const command = [place, ...vitest, ...reporters];
  const covered = `mount --make-rprivate / && mount -t overlay haulout-nodes -o "lowerdir=$0:/usr" /usr && exec "$@"`;
  const [program, ...args] = SYSTEM_PLACE ? ['unshare', '-m', 'sh', '-c', covered, usr, ...command] : command;
  const env = { ...process.env, PATH: `${dirname(place)}:${process.env['PATH']}` };
  spawnSync(program, args, { cwd: top, env, stdio: ['ignore', 'inherit', 'inherit'], timeout: SUITE_MS });
  const results = JSON.parse(readFileSync(report, 'utf8')).testResults;
  const statuses = results.flatMap((file) =>
    file.assertionResults.length === 0 && file.status === 'failed'
      ? ['failed']
      : file.assertionResults.map(({ status }) => status),
  );
  const count = (word) => statuses.filter((status) => status === word).length;
  const [passed, failed] = [count('passed'), count('failed')];
  return { passed, failed, skipped: statuses.length - passed - failed };
}

function sure({ status, stderr, error }, what) {
  if (status !== 0) throw error ?? new Error(`${what}: ${String(stderr).trim() || `ended with ${status}`}`);
}
