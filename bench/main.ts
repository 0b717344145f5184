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
  const own = { store: join(programs, 'store.mjs'), look: join(programs, 'look.mjs') };
  const parts: Readonly<Record<(typeof NAMES)[number], () => Promise<Partial<Results>>>> = {
    reading: async () => ({ reading: await benchReading({ rounds, programs: own, say }) }),
    boot: async () => ({ boot: await benchBoot({ rounds, say }) }),
    rest: async () => ({ rest: await benchRest(say) }),
  };
  let measured: Partial<Results> = {};
  for (const name of NAMES.filter((each) => wanted.has(each))) {
    measured = { ...measured, ...(await parts[name]()) };
    if (!values['dry-run']) write({ ...readResults(), ...measured, machine: machine() });
  }
  process.stdout.write(summary({ ...measured, machine: machine() }));
  if (!values['dry-run']) say('next: git diff docs/bench.md; the figures of README.md come from there');
  return 0;
}

/** After each part: a later one that fails takes nothing of an earlier one with it. */
function write(results: Results): void {
  writeFileSync('docs/bench.json', `${JSON.stringify(results, undefined, 1)}\n`);
  writeFileSync('docs/bench.md', page(results));
  writeFileSync('docs/bench.svg', picture(results));
}

function readResults(): Partial<Results> {
  return existsSync('docs/bench.json') ? (JSON.parse(readFileSync('docs/bench.json', 'utf8')) as Results) : {};
}

function machine(): string {
  const debian = /PRETTY_NAME="(.*)"/.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  return `${cpus().length} cores, ${debian}, kernel ${release().split('-')[0]}, Node ${process.version}`;
}
