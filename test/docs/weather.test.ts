import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { formatDuration } from '../../src/lib/duration.ts';
import { codeWords, generatedPart, readPage, top, withGeneratedPart } from './pages.ts';

/** What is waited for, and where the constant stands that says how long. */
const WAITS: readonly (readonly [what: string, file: string, constant: string])[] = [
  ['the script: metadata, DNS, bucket, each', 'src/userdata/launcher/world.ts', 'PATIENCE_MS'],
  ['the agent: metadata service, in a round', 'src/aws/imds.ts', 'PATIENCE_MS'],
  ['one answer of the metadata service', 'src/aws/imds.ts', 'ANSWER_MS'],
  ['connecting to the store', 'src/aws/http.ts', 'connect'],
  ['the first byte of an answer', 'src/aws/http.ts', 'headers'],
  ['the next byte of an answer', 'src/aws/http.ts', 'idle'],
  ['the next 30 KB of an answer', 'src/aws/http.ts', 'rateWindow'],
  ['a whole answer', 'src/aws/http.ts', 'total'],
  ['no new try of a request after', 'src/aws/conversation.ts', 'budgetMs'],
  ['a bucket at rest, at least', 'src/bucket/settle.ts', 'LEAST_PATIENCE_MS'],
  ['writing the status', 'src/aws/small-objects.ts', 'total'],
  ['between TERM and KILL', 'src/services/hooks.ts', 'GRACE_MS'],
  ['a `check` hook', 'src/services/health.ts', 'CHECK_HOOK_MS'],
  ['the first pause after a failure', 'src/ledger/ledger.ts', 'BACK_OFF_BASE_MS'],
  ['the longest pause after failures', 'src/ledger/ledger.ts', 'BACK_OFF_CAP_MS'],
  ['content that failed for what may pass', 'src/ledger/ledger.ts', 'TRY_AGAIN_MS'],
];
const PAGE = 'docs/weather.md';

/** The one number that stands after the name: `NAME = 15 * 60_000;` or `name: 5_000,`. */
function milliseconds(file: string, constant: string): number {
  const text = readFileSync(join(top, file), 'utf8');
  const found = [...text.matchAll(new RegExp(`\\b${constant}(?: =|:) ([\\d_]+(?: \\* [\\d_]+)*)[;,} ]`, 'g'))];
  expect([file, constant, found.length]).toEqual([file, constant, 1]);
  return found[0]![1]!.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
}

it('docs/weather.md has the waits that the code has', () => {
  const rows = WAITS.map(([what, file, name]) => `| ${what} | ${formatDuration(milliseconds(file, name))} |\n`);
  const part = `| what is waited for | how long |\n| --- | --- |\n${rows.join('')}`;
  const file = join(top, PAGE);
  if (process.env['UPDATE'] === '1') writeFileSync(file, withGeneratedPart(readFileSync(file, 'utf8'), part));
  expect(generatedPart(readFileSync(file, 'utf8'))).toBe(part);
});

/** Rooms that meet the weather; every reason code of theirs has its place on the page. */
const ROOMS = ['aws', 'metadata', 'bucket', 'lib'];
/** Of the desk alone. */
const DESK = new Set(['directory-unreadable', 'bad-object-name', 'scope-not-ended', 'path-untrusted', 'path-occupied']);

it('docs/weather.md has every reason code of those rooms, and none that is not there', () => {
  const source = (room: string): string =>
    readdirSync(join(top, 'src', room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(top, 'src', room, name), 'utf8'))
      .join('\n');
  const codes = (text: string) => [...text.matchAll(/code: '([a-z]+-[a-z0-9-]+)'/g)].map(([, code]) => code!);
  const said = new Set(readPage(PAGE).text.split('\n').flatMap(codeWords));
  const met = [...new Set(ROOMS.flatMap((room) => codes(source(room))))].filter((code) => !DESK.has(code));
  expect(met.filter((code) => !said.has(code))).toEqual([]);
  const everywhere = source('.');
  const named = [...said].filter((word) =>
    /^(metadata|store|body|bucket|listing|answer|disk|packages|hook|check|content|region)-/.test(word),
  );
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((code) => !everywhere.includes(`'${code}'`))).toEqual([]);
});
