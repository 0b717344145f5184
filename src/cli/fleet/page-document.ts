import { createHash } from 'node:crypto';
import type { Detail } from './details.ts';
import { Html, html } from './html.ts';
import { detailHtml } from './page-detail.ts';
import { EARLY_SCRIPT, SCRIPT } from './page-script.ts';
import { STYLE } from './page-style.ts';
import { contentHtml, tilesHtml } from './page-summary.ts';
import { rowHtml, tableHtml, unreadableHtml } from './page-table.ts';
import type { FleetView } from './read-fleet.ts';
import { compareRows, conditionOf, isWell } from './row.ts';
import { counted } from './words.ts';

/** So many of those that are not well stand before the table, folded up but for the first; the others after it. */
const MOST_BEFORE = 20;

export interface PageParts {
  readonly view: FleetView;
  readonly details: readonly Detail[];
  /** `s3://bucket/.haulout`, and the one role that is looked at. */
  readonly state: string;
  readonly role: string | undefined;
}

/**
 * One page that asks nobody for anything: style and script are in it and named by their digests in its policy, and without the script
 * it only cannot be filtered and sorted.
 */
export function pageDocument({ view, details, state, role }: PageParts): string {
  const { rows, unreadable, now } = view;
  const who = role === undefined ? state : `${state}, role ${role}`;
  const policy = `default-src 'none'; img-src data:; style-src '${digestOf(STYLE)}'; script-src '${digestOf(EARLY_SCRIPT)}' '${digestOf(SCRIPT)}'; base-uri 'none'; form-action 'none'`;
  const isEmpty = rows.length + unreadable.length === 0;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Html(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>Fleet of ${who}</title>
<link rel="icon" href="data:,">
<style>${new Html(STYLE)}</style>
<script>${new Html(EARLY_SCRIPT)}</script>
</head>
<body>
<main>
<header class="head"><h1>Fleet</h1><p><code>${who}</code></p><p>as of <time datetime="${new Date(now).toISOString()}">${momentWords(now)}</time></p></header>
${isEmpty ? emptyHtml(state) : fullHtml(view, details, state)}
<footer>A picture of that moment, made by <code>haulout fleet page</code>. It does not renew itself.</footer>
</main>
${isEmpty ? undefined : html`<script>${new Html(SCRIPT)}</script>`}
</body>
</html>
`;
  return page.text;
}

function fullHtml(view: FleetView, details: readonly Detail[], state: string): Html {
  const { rows, unreadable, now } = view;
  const sorted = [...rows].sort(compareRows(now));
  const detailed = new Set(details.map(({ row }) => row));
  const ill = details.filter(({ row }) => !isWell(conditionOf(row, now))).slice(0, MOST_BEFORE);
  const moreIll = rows.filter((row) => !isWell(conditionOf(row, now))).length - ill.length;
  const others = details.slice(ill.length);
  const told = (some: readonly Detail[], open: number) =>
    some.map((detail, index) => detailHtml(detail, now, index < open));
  const roles = [...new Set(rows.map((row) => row.role))].sort();
  return html`${tilesHtml(view)}
${ill.length === 0 ? undefined : html`<section><h2>What is not well</h2>${told(ill, 1)}${moreIll === 0 ? undefined : html`<p class="quiet">And ${moreIll.toLocaleString('en-US')} more: <a href="#all">all instances</a>, worst first.</p>`}</section>`}
<section><h2 id="all">All instances</h2>
<div class="tools" hidden><label>Filter <input type="search" placeholder="id, address, failing step"></label><label>Role <select><option value="">all</option>${roles.map((name) => html`<option>${name}</option>`)}</select></label><output aria-live="polite"></output><button type="button" hidden>Show all</button></div>
${tableHtml([...sorted.map((row) => rowHtml(row, now, detailed.has(row))), ...unreadable.map((one) => unreadableHtml(one, now))])}</section>
<section><h2>Content</h2>${contentHtml(rows)}</section>
${others.length === 0 ? undefined : html`<section><h2>${ill.length === 0 ? 'In detail' : 'More in detail'}</h2>${told(others, 0)}</section>`}
${
  detailed.size < rows.length
    ? html`<p class="quiet">Details of ${counted(detailed.size, 'instance')} of ${rows.length.toLocaleString('en-US')} are in this page, of those that are not well first. For any other: <code>haulout explain ID ${state}</code></p>`
    : undefined
}`;
}

function emptyHtml(state: string): Html {
  return html`<div class="card empty"><h2>No instance has told of itself</h2>
<p>Nothing stands below <code>${state}/instances/</code>. An instance writes there at its first sync, if its role may write to the state.</p>
<p>To launch one: <code>haulout userdata s3://BUCKET/ROLE</code>. Whether one may write: <code>haulout doctor s3://BUCKET/ROLE</code></p></div>`;
}

function momentWords(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function digestOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
