import { type Html, html } from './html.ts';
import type { FleetView } from './read-fleet.ts';
import { CONDITIONS, conditionOf, type Row } from './row.ts';

type Kind = (typeof CONDITIONS)[number] | 'unreadable';

const WIDTH = 1_000;
const MOST_DIGESTS = 8;

/** How many are how, worst first, and their shares as one bar. */
export function tilesHtml({ rows, unreadable, now }: FleetView): Html {
  const counts = new Map<Kind, number>(CONDITIONS.map((condition) => [condition, 0]));
  for (const row of rows) counts.set(conditionOf(row, now), counts.get(conditionOf(row, now))! + 1);
  if (unreadable.length > 0) counts.set('unreadable', unreadable.length);
  const all = rows.length + unreadable.length;
  return html`<ul class="tiles"><li><a href="#all" data-h=""><b>${number(all)}</b><span>in all</span></a></li>${[
    ...counts,
  ].map(
    ([kind, count]) =>
      html`<li><a href="#all" data-h="${kind}" class="t-${kind}${count === 0 ? ' zero' : ''}"><b>${number(count)}</b><span>${kind}</span></a></li>`,
  )}</ul>
<svg class="share" viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none" role="img" aria-label="${shareWords(counts)}">${shares(counts, all)}</svg>`;
}

function shares(counts: ReadonlyMap<Kind, number>, all: number): Html[] {
  let x = 0;
  return [...counts].map(([kind, count]) => {
    const width = (count / all) * WIDTH;
    x += width;
    return html`<rect class="f-${kind}" x="${(x - width).toFixed(2)}" y="0" width="${width.toFixed(2)}" height="10"/>`;
  });
}

function shareWords(counts: ReadonlyMap<Kind, number>): string {
  const there = [...counts].filter(([, count]) => count > 0);
  return there.map(([kind, count]) => `${number(count)} ${kind}`).join(', ');
}

/** What they run on, by how many. */
export function contentHtml(rows: readonly Row[]): Html {
  const counts = new Map<string, number>();
  for (const { content } of rows) {
    const digest = content.active?.slice(0, 12) ?? 'none yet';
    counts.set(digest, (counts.get(digest) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, one], [, other]) => other - one);
  const shown = sorted.slice(0, MOST_DIGESTS);
  const others = sorted.slice(MOST_DIGESTS).reduce((sum, [, count]) => sum + count, 0);
  const lines = others === 0 ? shown : [...shown, [`${sorted.length - MOST_DIGESTS} more`, others] as const];
  const width = (count: number) => Math.max(4, (count / rows.length) * WIDTH).toFixed(1);
  return html`<div class="card digests">${lines.map(
    ([digest, count]) =>
      html`<code>${digest}</code><svg viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none" aria-hidden="true"><rect x="0" y="0" width="${width(count)}" height="10"/></svg><b>${number(count)}</b>`,
  )}</div>`;
}

function number(count: number): string {
  return count.toLocaleString('en-US');
}
