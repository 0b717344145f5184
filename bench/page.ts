import { type Cost, median } from './measure.ts';
import type { BootPair, BootResult, BootRun, ClientRuns, ReadingPhase, RestResult, Results } from './results.ts';

/** docs/bench.md, made from the figures. */
export function page(results: Results): string {
  return [
    '# What it costs\n',
    'This page and its picture are written by `npm run bench`, from [bench.json](bench.json), which has every single run.',
    `Measured on ${results.machine}; a machine of yours has other figures, and much the same ratios.\n`,
    '![processor seconds of haulout and others](bench.svg)\n',
    ...(results.reading ? readingPart(results) : []),
    ...(results.boot ? bootPart(results.boot) : []),
    ...(results.rest ? restPart(results.rest) : []),
  ].join('\n');
}

/** The same tables for a terminal. */
export function summary({ reading, boot, rest }: Results): string {
  const phases = (reading?.phases ?? []).map((phase) => `${title(phase)}\n${table(phase)}\n`);
  const atRest = rest ? restPart(rest).slice(1).join(' ') : '';
  return [
    ...phases,
    ...(boot?.stores ?? []).map((pair) => `Boot, ${storeOf(pair)}\n${bootTable(pair)}\n`),
    atRest,
  ].join('');
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
  '* Of large objects most of the cost is the sha256 and the MD5 that are taken on arrival: the one to know the content by, the other to',
  '  hold it against its entity tag. Who takes neither, such as s5cmd, pays a third or less.',
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

/** One figure for both: it is the same installation, and chance makes it longer here or there. */
function packageSeconds({ haulout, script }: BootPair): number {
  return median([...haulout, ...script].map((run) => run.packages));
}

function bootPart(boot: BootResult): string[] {
  const phases = (name: string, runs: readonly BootRun[]) => {
    const names = runs[0]?.phases.map((phase) => phase.name) ?? [];
    const times = names.map(
      (each, at) => `${each} ${seconds(median(runs.map((run) => run.phases[at]?.seconds ?? 0)))} s`,
    );
    return `* ${name}: ${times.join(', ')}.`;
  };
  return [
    '\n## Booting the planet\n',
    'The example bucket [planet](../buckets/planet/README.md), booted by haulout, and the same steps as a shell script',
    `([planet.sh](../bench/boot/planet.sh)), each in a new instance of the local cloud, in turn, ${boot.rounds} times; medians.\n`,
    ...boot.stores.flatMap((pair) => [
      `### From ${storeOf(pair)}\n`,
      bootTable(pair),
      phases('haulout', pair.haulout),
      `${phases('planet.sh', pair.script)}\n`,
    ]),
    ...BOOT_ACCOUNT,
    `\nMeasured ${boot.at.slice(0, 10)}.\n`,
  ];
}

const BOOT_ACCOUNT = [
  '* The packages are installed before the clock starts, the same way for both; the last columns add the median time that this took.',
  '  No package is upgraded. Node is there: the transfer of a runtime is not in these figures.',
  '* `health` is 0 s here, because a script checks nothing. As the bucket is shipped, each of the two services must be well for 3 s',
  '  before the boot counts as done, and that comes on top.',
  '* The processor seconds are those of the whole instance (its cgroup), until four seconds after it is ready: the report to the',
  '  bucket is in them.',
  '* The script asks for one file after the other, as its forerunner did; an agent asks for sixteen at once. Amazon says of S3 that a small',
  '  object takes [roughly 100 to 200 ms](https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html).',
  '  A script may do that too: with `curl --parallel` it would win most of its waiting back.',
  '* What the script does not have: an agent that stays, checks, verified content, a report, a way back. Most of the difference is',
  '  the start of Node (once for the launcher, once for the agent), a planet.ini that is checked before it is used, and a cgroup for',
  '  each hook.',
];

function storeOf({ latencyMs }: BootPair): string {
  return latencyMs === 0 ? 'a store on the same machine' : `a store that answers after ${latencyMs} ms`;
}

function bootTable(pair: BootPair): string {
  const { haulout, script } = pair;
  const of = (runs: readonly BootRun[], what: (run: BootRun) => number) => median(runs.map(what));
  const packages = packageSeconds(pair);
  const columns = [(run: BootRun) => run.cpu, (run: BootRun) => run.wall, (run: BootRun) => packages + run.wall];
  const row = (name: string, runs: readonly BootRun[]) =>
    `| ${name} | ${columns.map((what) => `${seconds(of(runs, what))} | ${(of(runs, what) / of(script, what)).toFixed(2)} x`).join(' | ')} |\n`;
  const head =
    "| boot by | CPU s | of the script's | wall s | of the script's | with packages, s | of the script's |\n";
  return `${head}| --- | --: | --: | --: | --: | --: | --: |\n${row('**haulout**', haulout)}${row('`planet.sh`', script)}`;
}

function restPart({ syncs, cpuPerSync, memory, at }: RestResult): string[] {
  const [before, after] = memory.map((each) => each.toFixed(0));
  return [
    '## The agent at rest\n',
    `A resident agent of a small role: ${before} MiB after the boot, ${after} MiB after ${syncs} looks that found nothing to do, and`,
    `${(1_000 * cpuPerSync).toFixed(0)} ms of the processor for each, its answer to \`haulout sync\` included. Measured ${at.slice(0, 10)}.\n`,
  ];
}
