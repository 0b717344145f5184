import { type Cost, median } from './measure.ts';
import type { ClientRuns, ReadingPhase, Results } from './results.ts';

/** docs/bench.md, made from the figures. */
export function page(results: Results): string {
  return [
    '# What it costs\n',
    'This page and its picture are written by `npm run bench`, from [bench.json](bench.json), which has every single run.',
    `Measured on ${results.machine}; a machine of yours has other figures, and much the same ratios.\n`,
    '![processor seconds of haulout and others](bench.svg)\n',
    ...(results.reading ? readingPart(results) : []),
  ].join('\n');
}

/** The same tables for a terminal. */
export function summary(results: Results): string {
  return `${(results.reading?.phases ?? []).map((phase) => `${title(phase)}\n${table(phase)}\n`).join('\n')}`;
}

function readingPart({ reading }: Results): string[] {
  if (!reading) return [];
  return [
    '## Reading a bucket\n',
    `Processor seconds (user and system, of the client and all it starts), the median of ${reading.rounds} rounds, one server, one run,`,
    'each client in turn. The last columns are the wall clock and the largest process.\n',
    ...reading.phases.flatMap((phase) => [`### ${title(phase)}\n`, table(phase)]),
    ...ACCOUNT,
    `\nVersions: ${reading.phases[0]?.clients.map(({ name, version }) => `${name} ${version}`).join('; ')}. Measured ${reading.at.slice(0, 10)}.\n`,
  ];
}

const ACCOUNT = [
  '### What is in these figures, and what is not\n',
  '* Every client is a new process each time, starts from cold, and reads from one S3 endpoint (the local cloud of this repository),',
  '  in a process of its own, over plain HTTP on the loopback interface. It checks every signature. Its own processor time is not counted.',
  "* haulout's side is the agent's own look at the bucket, by the agent's own functions ([look.ts](../bench/reading/look.ts)): it recalls the",
  '  last look, lists, settles, signs, fetches, takes a sha256 of every byte, writes each object whole, has all of it synced to the',
  '  disk once, and writes down the snapshot. The others do not sync. Not inside: the copy of each file to its place on the machine.',
  '* In life the agent is resident: a look does not pay for the start of a process, as each of these does.',
  '* `rclone sync` with its default flags asks for the modification time of each object it has already; the second line does not.',
  '* The bytes are noise. There is no TLS, and no network worth the name: what is measured is the work of the client.',
];

export function title({ name, objects, size }: ReadingPhase): string {
  const each = size < 1024 ** 2 ? `${size / 1024} KiB` : `${size / 1024 ** 2} MiB`;
  const what = `${objects.toLocaleString('en-US')} objects of ${each}`;
  return `${name[0]?.toUpperCase()}${name.slice(1)}: ${what}`;
}

function table({ clients }: ReadingPhase): string {
  const own = clients.find(({ name }) => name === 'haulout');
  const base = own ? cpuOf(own) : Number.NaN;
  const rows = clients.map((client) => {
    const cells = [
      client.name === 'haulout' ? '**haulout**' : `\`${client.name}\``,
      seconds(cpuOf(client)),
      `${(cpuOf(client) / base).toFixed(2)} x`,
      seconds(middle(client.runs, 'wall')),
      middle(client.runs, 'rss').toFixed(0),
    ];
    return `| ${cells.join(' | ')} |\n`;
  });
  return `| client | CPU s | of haulout's | wall s | MiB |\n| --- | --: | --: | --: | --: |\n${rows.join('')}`;
}

export function cpuOf({ runs }: ClientRuns): number {
  return middle(runs, 'cpu');
}

function middle(runs: readonly Cost[], what: keyof Cost): number {
  return median(runs.map((run) => run[what]));
}

export function seconds(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}
