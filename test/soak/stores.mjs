// The contract of a store on servers that nobody here wrote, as a table: `npm run soak stores`. What is not there yet is got: from
// Debian's packages, by go and by pip, unpacked into a cache directory (HAULOUT_PEERS, by default ~/.cache/haulout/peers);
// nothing is installed on this machine. A server that cannot be got is skipped aloud. UPDATE=1 also puts it into docs/stores.md.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundled } from './bundled.mjs';

const { installPeers } = await bundled('../support/servers/install.ts');
const peers = await installPeers();

const QUIET = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
const directory = mkdtempSync(join(tmpdir(), 'haulout-stores-'));
const report = join(directory, 'report.json');
const words = [
  'vitest',
  'run',
  'test/bucket/store.test.ts',
  'test/bucket/peers.test.ts',
  '--reporter=json',
  `--outputFile=${report}`,
];
const { status } = spawnSync('npx', words, {
  stdio: ['ignore', 'ignore', 'inherit'],
  env: { ...process.env, ...QUIET },
});
const results = JSON.parse(readFileSync(report, 'utf8')).testResults.flatMap((file) => file.assertionResults);
rmSync(directory, { recursive: true, force: true });

const OURS = 'the local cloud';
const table = new Map();
const notes = new Set();
const columns = new Set([...peers, OURS, 'a directory']);
for (const { ancestorTitles, title, status: outcome } of results) {
  const place =
    ancestorTitles.map((text) => /: (.*)$/.exec(text)?.[1]).findLast((text) => text !== undefined) ??
    (ancestorTitles[0]?.startsWith('our own') ? OURS : undefined);
  if (place === undefined || !['passed', 'failed'].includes(outcome)) continue;
  const column = columns.has(place) ? place : OURS;
  const [, check, fault] = /^(.*?)(?: \[its own fault: (.*)\])?$/.exec(title);
  const [, row = check, found] = /^(conditional writes), found out: (.*)$/.exec(check) ?? [];
  const cells = table.get(row) ?? {};
  cells[column] = [...(cells[column] ?? []), outcome === 'failed' ? 'NO' : fault ? 'its fault' : 'yes'];
  if (fault) notes.add(`${place}: ${row}: its own fault, ${fault}`);
  if (found) notes.add(`${place}: ${found}`);
  table.set(row, cells);
}
/** All ways in which the local cloud is asked count as one column: one NO is a NO. */
const cellOf = (words) => (words === undefined ? '-' : words.includes('NO') ? 'NO' : words[0]);
const rows = [...table].map(([row, cells]) => [row, ...[...columns].map((name) => cellOf(cells[name]))]);
const line = (words) => `| ${words.join(' | ')} |`;
const head = [['check', ...columns], Array(columns.size + 1).fill('---')];
const text = `${[...head, ...rows].map(line).join('\n')}\n\n${[...notes].map((note) => `* ${note}`).join('\n')}\n`;
console.log(text);
const failed = results.filter(({ status: outcome }) => outcome === 'failed').length;
console.log(`${results.length} checks on ${columns.size} stores, ${failed} failed`);
process.exitCode = status ?? 1;

if (process.env.UPDATE) {
  const page = new URL('../../docs/stores.md', import.meta.url);
  const [before, after] = readFileSync(page, 'utf8').split(/(?<=<!-- printed by [^>]*-->\n)[\s\S]*(?=<!-- end -->)/);
  writeFileSync(page, before + text + after);
}
