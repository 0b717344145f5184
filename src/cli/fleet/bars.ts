import { visibleName } from '../../lib/log.ts';
import type { TimelineEntry } from '../../status/timeline.ts';
import { ink } from '../talk.ts';

const WIDTH = 32;
const MOST_LABEL = 44;
const MOST_LINES = 40;

/** A timeline for a terminal: what, how long, and a bar where in the round it was. Beyond forty the shortest are left out. */
export function timelineBars(timeline: readonly TimelineEntry[]): string[] {
  const total = Math.max(1, ...timeline.map(({ from, ms }) => from + ms));
  const shortest = [...timeline].sort((a, b) => b.ms - a.ms).slice(0, MOST_LINES);
  const shown =
    timeline.length <= MOST_LINES ? timeline : timeline.filter((entry) => !entry.ok || shortest.includes(entry));
  const labels = shown.map((entry) => visibleName(labelOf(entry)).slice(0, MOST_LABEL));
  const width = Math.max(0, ...labels.map((label) => label.length));
  const lines = shown.map((entry, index) => {
    const head = `${labels[index]!.padEnd(width)} ${milliseconds(entry.ms).padStart(9)}  `;
    const end = entry.ok ? '' : ` failed [${visibleName(entry.code ?? 'unknown')}]`;
    const bar = barOf(entry, total);
    return head + (entry.ok ? bar : ink.red(bar + end));
  });
  const left = timeline.length - shown.length;
  return left > 0 ? [...lines, `and ${left} shorter ones`] : lines;
}

export function labelOf({ step, subject }: Pick<TimelineEntry, 'step' | 'subject'>): string {
  return subject === undefined ? step : subject.startsWith(`${step}:`) ? subject : `${step} ${subject}`;
}

export function milliseconds(ms: number): string {
  return ms < 10_000 ? `${ms.toLocaleString('en-US')} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

function barOf({ from, ms }: TimelineEntry, total: number): string {
  const start = Math.min(WIDTH - 1, Math.floor((from / total) * WIDTH));
  const length = Math.max(1, Math.min(WIDTH - start, Math.round((ms / total) * WIDTH)));
  return '\u00b7'.repeat(start) + '\u2588'.repeat(length);
}
