import { type Html, html } from './html.ts';
import { badge } from './page-badge.ts';
import { CONDITIONS, conditionOf, type Row, type Unreadable } from './row.ts';
import { contentWords, failingWords, shortSpan } from './words.ts';

/** Short markup: there may be ten thousand of them. `data-v` is what a column is sorted by. */
export function rowHtml(row: Row, now: number, hasDetail: boolean): Html {
  const condition = conditionOf(row, now);
  const { role, instanceId, bootedAt, heard } = row;
  const name = hasDetail ? html`<a href="#${role}/${instanceId}">${instanceId}</a>` : html`${instanceId}`;
  return html`<tr data-h="${condition}"><td data-v="${CONDITIONS.indexOf(condition)}">${badge(condition)}<td class="id">${name}<td>${role}<td>${content(row)}${span(bootedAt, now)}${span(heard, now)}<td class="ip">${row.publicIpv4 || row.localIpv4 || '-'}<td class="what">${failingWords(row, now)}
`;
}

function content(row: Row): Html {
  const [digest = '', mark] = contentWords(row).split(' ');
  return html`<code>${digest}</code>${mark === undefined ? undefined : html` <em>${mark}</em>`}`;
}

function span(since: number | undefined, now: number): Html {
  if (since === undefined) return html`<td class="n" data-v="-1">-`;
  return html`<td class="n" data-v="${Math.max(0, Math.round((now - since) / 1_000))}">${shortSpan(now - since)}`;
}

export function unreadableHtml({ path, reason, heard }: Unreadable, now: number): Html {
  return html`<tr data-h="unreadable"><td data-v="${CONDITIONS.length}">${badge('unreadable')}<td class="id">${path}<td>-<td>-<td class="n" data-v="-1">-${span(heard, now)}<td class="ip">-<td class="what">${reason}
`;
}

const COLUMNS: readonly (readonly [name: string, kind: string])[] = [
  ['Health', ''],
  ['Instance', ''],
  ['Role', ''],
  ['Content', ''],
  ['Age', 'n'],
  ['Seen', 'n'],
  ['Address', ''],
  ['Failing', ''],
];

/** So many rows are laid out at first, where there is a script that shows the others when they are wanted. */
const MOST_ROWS = 1_000;

export function tableHtml(body: readonly Html[]): Html {
  return html`<div class="wide"><table id="fleet"><thead><tr>${COLUMNS.map(
    ([name, kind]) => html`<th scope="col"${kind === '' ? undefined : html` class="${kind}"`}>${name}</th>`,
  )}</tr></thead><tbody>
${body.slice(0, MOST_ROWS)}</tbody>${body.length > MOST_ROWS ? html`<tbody class="more">${body.slice(MOST_ROWS)}</tbody>` : undefined}</table></div>`;
}
