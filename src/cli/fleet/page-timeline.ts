import type { TimelineEntry } from '../../status/timeline.ts';
import { labelOf, milliseconds } from './bars.ts';
import { type Html, html } from './html.ts';

const MOST_BARS = 60;
/** The width in the drawing's own units, and the height of a line: that of the labels beside it in the style. */
const WIDTH = 1_000;
const LINE = 24;
const LEAST = 6;

/**
 * Where the time of a round went: the bars are one drawing, stretched to the room there is; labels and numbers stand beside it as text,
 * so that they stay readable on a telephone.
 */
export function timelineHtml(timeline: readonly TimelineEntry[]): Html {
  const total = Math.max(1, ...timeline.map(({ from, ms }) => from + ms));
  const longest = [...timeline].sort((a, b) => b.ms - a.ms).slice(0, MOST_BARS);
  const shown = timeline.length <= MOST_BARS ? timeline : timeline.filter((entry) => longest.includes(entry));
  const height = shown.length * LINE;
  const left = timeline.length - shown.length;
  return html`<div class="tl"><ol>${shown.map(label)}</ol>
<svg viewBox="0 0 ${WIDTH} ${height}" height="${height}" preserveAspectRatio="none" role="img" aria-label="Where the time of the round went, ${milliseconds(total)} in all">${[0.25, 0.5, 0.75].map((part) => html`<line class="rule" x1="${part * WIDTH}" x2="${part * WIDTH}" y1="0" y2="${height}"/>`)}${shown.map((entry, index) => bar(entry, index, total))}</svg>
<ol class="ms">${shown.map(({ ms }) => html`<li>${milliseconds(ms)}</li>`)}</ol></div>${
    left > 0 ? html`<p class="quiet">${left} shorter steps are left out.</p>` : undefined
  }`;
}

function label(entry: TimelineEntry): Html {
  const text = labelOf(entry);
  const why = entry.why === undefined ? text : `${text}: ${entry.why}`;
  return html`<li title="${why}"${entry.ok ? undefined : html` class="bad"`}>${text}${
    entry.ok ? undefined : html` <b>failed</b>`
  }</li>`;
}

function bar({ from, ms, ok }: TimelineEntry, index: number, total: number): Html {
  const width = Math.max(LEAST, Math.round((ms / total) * WIDTH));
  const x = Math.min(WIDTH - width, Math.round((from / total) * WIDTH));
  return html`<rect${ok ? undefined : html` class="bad"`} x="${x}" y="${index * LINE + 5}" width="${width}" height="${LINE - 10}" rx="3"/>`;
}
