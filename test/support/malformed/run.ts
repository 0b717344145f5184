import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import type { Outcome, Subject } from './subject.ts';

export interface Tally {
  readonly subject: string;
  readonly seed: number;
  readonly inputs: number;
  readonly good: number;
  readonly refused: number;
  /** Processor milliseconds of the slowest input, and milliseconds by the wall clock of the one that took longest. */
  readonly slowestCpu: number;
  readonly slowestWall: number;
  /** MiB after the first thousand, and the most there were after. */
  readonly memory: readonly [number, number];
  readonly descriptors: readonly [number, number];
}

const CPU_LIMIT_MS = 1_000;
/** A loaded machine may not let us run for seconds: only what no load explains is a hang. */
const WALL_LIMIT_MS = 15_000;
const EVERY = 1_000;
/** Growth of the process over a whole run that is not a leak. */
const MEMORY_GROWTH_MIB = 300;

/**
 * So many inputs through one reader. Rejects with the seed and the smallest input it finds when one crashes the reader, takes too
 * long, changes a prototype, leaves something where nothing may be, or when the process grows. `beat` is called now and then.
 */
export async function feedAll(
  subject: Subject,
  inputs: number,
  seed: number,
  beat: (done: number) => void,
): Promise<Tally> {
  const prototypes = namesOfPrototypes();
  const counts = { good: 0, refused: 0 };
  const slowest = { cpu: 0, wall: 0 };
  const memory = [0, 0] as [number, number];
  const descriptors = [0, 0] as [number, number];
  let done = 0;
  const stray: unknown[] = [];
  const onStray = (error: unknown) => void stray.push(error);
  process.on('uncaughtException', onStray).on('unhandledRejection', onStray);
  const property = fc.asyncProperty(subject.inputs, async (input) => {
    const started = { wall: performance.now(), cpu: process.cpuUsage() };
    const outcome: Outcome = await subject.feed(input);
    const spent = process.cpuUsage(started.cpu);
    const cpu = (spent.user + spent.system) / 1_000;
    const wall = performance.now() - started.wall;
    slowest.cpu = Math.max(slowest.cpu, cpu);
    slowest.wall = Math.max(slowest.wall, wall);
    if (cpu > CPU_LIMIT_MS || wall > WALL_LIMIT_MS)
      throw new Error(`took ${cpu.toFixed(0)} ms of the processor, ${wall.toFixed(0)} ms in all`);
    if (stray.length > 0) throw new Error('an error that nobody caught', { cause: stray[0] });
    if (namesOfPrototypes() !== prototypes) throw new Error('a prototype was changed');
    counts[outcome]++;
    if (++done % EVERY !== 0) return;
    const damage = subject.damage?.();
    if (damage !== undefined) throw new Error(damage);
    const rss = process.memoryUsage.rss() / 1024 ** 2;
    const open = readdirSync('/proc/self/fd').length;
    memory[0] ||= rss;
    descriptors[0] ||= open;
    memory[1] = Math.max(memory[1], rss);
    descriptors[1] = Math.max(descriptors[1], open);
    if (rss > memory[0] + MEMORY_GROWTH_MIB)
      throw new Error(`grew from ${memory[0].toFixed(0)} to ${rss.toFixed(0)} MiB`);
    if (open > descriptors[0] + 50) throw new Error(`${open} open files, ${descriptors[0]} at the beginning`);
    beat(done);
  });
  try {
    await fc.assert(property, { numRuns: inputs, seed, endOnFailure: false });
    const damage = subject.damage?.();
    if (damage !== undefined) throw new Error(damage);
  } finally {
    process.off('uncaughtException', onStray).off('unhandledRejection', onStray);
    await subject.close?.();
  }
  const [slowestCpu, slowestWall] = [slowest.cpu, slowest.wall];
  return { subject: subject.name, seed, inputs: done, ...counts, slowestCpu, slowestWall, memory, descriptors };
}

function namesOfPrototypes(): string {
  return [Object.prototype, Array.prototype, Function.prototype, String.prototype, Promise.prototype]
    .map((each) => Reflect.ownKeys(each).map(String).join())
    .join('\n');
}

/** One line for a person. */
export function told(tally: Tally): string {
  const { subject, seed, inputs, good, refused, memory, descriptors } = tally;
  const times = `slowest ${tally.slowestCpu.toFixed(0)} ms cpu, ${tally.slowestWall.toFixed(0)} ms wall`;
  const size =
    memory[0] > 0
      ? `, ${memory.map((each) => each.toFixed(0)).join('-')} MiB, ${descriptors.join('-')} open files`
      : '';
  return `inputs ${subject}: seed ${seed}, ${inputs} inputs, ${good} taken, ${refused} refused, 0 crashes, 0 hangs, 0 pollution, 0 files outside; ${times}${size}`;
}
