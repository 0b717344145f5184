import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchBoot } from './boot/run.ts';
import { page, summary } from './page.ts';
import { picture } from './picture.ts';
import { benchReading } from './reading/run.ts';
import { benchRest } from './rest.ts';
import type { Results } from './results.ts';

const NAMES = ['reading', 'boot', 'rest'] as const;
const USAGE = `usage: npm run bench -- [${NAMES.join(' | ')}] [--rounds N] [--dry-run]`;
const say = (line: string) => process.stderr.write(`${line}\n`);

/** Measures what is named (all there is, when nothing is) and keeps what was measured before of the rest. */
export async function main(words: readonly string[], programs: string): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { rounds: { type: 'string', default: '3' }, 'dry-run': { type: 'boolean', default: false } },
  });
  const rounds = Number(values.rounds);
  const wanted = new Set<string>(positionals.length > 0 ? positionals : NAMES);
  if (!(rounds >= 1) || [...wanted].some((name) => !NAMES.includes(name as (typeof NAMES)[number]))) {
    say(USAGE);
    return 64;
  }
  let results: Results = { ...readResults(), machine: machine() };
  if (wanted.has('reading')) {
    const own = { store: join(programs, 'store.mjs'), look: join(programs, 'look.mjs') };
    results = { ...results, reading: await benchReading({ rounds, programs: own, say }) };
  }
  if (wanted.has('boot')) results = { ...results, boot: await benchBoot({ rounds, say }) };
  if (wanted.has('rest')) results = { ...results, rest: await benchRest(say) };
  process.stdout.write(summary(results));
  if (!values['dry-run']) {
    writeFileSync('docs/bench.json', `${JSON.stringify(results, undefined, 1)}\n`);
    writeFileSync('docs/bench.md', page(results));
    writeFileSync('docs/bench.svg', picture(results));
    say('next: git diff docs/bench.md; the figures of README.md come from there');
  }
  return 0;
}

function readResults(): Partial<Results> {
  return existsSync('docs/bench.json') ? (JSON.parse(readFileSync('docs/bench.json', 'utf8')) as Results) : {};
}

function machine(): string {
  const debian = /PRETTY_NAME="(.*)"/.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  return `${cpus().length} cores, ${debian}, kernel ${release().split('-')[0]}, Node ${process.version}`;
}
