import { formatDuration } from '../../lib/duration.ts';
import type { Status } from '../../status/status.ts';
import type { Detail } from './details.ts';
import { type Explanation, explanationOf, type Failing } from './explanation.ts';
import { type Html, html } from './html.ts';
import { badge } from './page-badge.ts';
import { timelineHtml } from './page-timeline.ts';
import { counted, failingWords, shortSpan } from './words.ts';

const MOST_LISTED = 20;

/** One instance, folded up unless it is to be seen at once. */
export function detailHtml({ row, status }: Detail, now: number, open: boolean): Html {
  const explanation = explanationOf(status, row.heard, now);
  const { condition, failing } = explanation;
  return html`<details class="one" id="${row.role}/${row.instanceId}"${open ? html` open` : undefined}>
<summary>${badge(condition)}<h3>${row.instanceId}</h3><span class="quiet">${row.role}</span><span class="what">${failingWords(row, now)}</span></summary>
<div class="in">
${condition === 'lost' ? lostHtml(status, explanation) : undefined}
${failing ? failingHtml(failing, now) : undefined}
${mistakesHtml(status)}
<dl>${factsOf(status, explanation).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
${waitsHtml(status)}
${status.notes.length === 0 ? undefined : html`<h4>Notes</h4><ul>${status.notes.slice(0, MOST_LISTED).map((note) => html`<li>${note}</li>`)}</ul>`}
${status.timeline.length === 0 ? undefined : html`<h4>The last round that did something</h4>${timelineHtml(status.timeline)}`}
</div></details>
`;
}

function lostHtml({ health, trouble, instanceId }: Status, { now, leaseEnds = 0 }: Explanation): Html {
  const last = trouble ? 'Its last words are below.' : `Its last words were that it is ${health}.`;
  return html`<div class="box"><p><b>Its lease ran out ${shortSpan(now - leaseEnds)} ago</b> (${new Date(leaseEnds).toISOString()}), without a goodbye: it was shut off, crashed, or does not reach the bucket any more. ${last}</p>
<p>Next: <code>haulout replace ${instanceId}</code></p></div>`;
}

function failingHtml(
  { step, subject, code, reason, hint, why, exitCode, output, failures, nextTry }: Failing,
  now: number,
): Html {
  const ahead = Date.parse(nextTry ?? '') - now;
  const next = ahead > 0 ? `in ${shortSpan(ahead)}` : 'at the next sync';
  return html`<div class="box"><p><b>${step}: ${subject}</b> <code>${code}</code></p><p>${reason}</p>
${why === undefined ? undefined : html`<p>Done for: ${why}</p>`}
${exitCode === undefined ? undefined : html`<p>Exit code: <code>${exitCode}</code></p>`}
${failures === undefined ? undefined : html`<p>Failed ${counted(failures, 'time')}; tried again ${next}.</p>`}
${output.length === 0 ? undefined : html`<pre tabindex="0" aria-label="The end of its output">${output.join('\n')}</pre>`}
<p>Next: ${hint}</p></div>`;
}

function mistakesHtml({ mistakes = [] }: Status): Html | undefined {
  if (mistakes.length === 0) return undefined;
  return html`<h4>Mistakes</h4><ul>${mistakes
    .slice(0, MOST_LISTED)
    .map(
      ({ file, line, column, what, instead }) =>
        html`<li><code>${file}:${line}:${column}</code> ${what}: ${instead}</li>`,
    )}</ul>`;
}

function waitsHtml({ waited }: Status): Html | undefined {
  if (waited.length === 0) return undefined;
  return html`<h4>Waited for</h4><ul>${waited
    .slice(0, MOST_LISTED)
    .map(
      ({ step, subject, code, ms, over, boot }) =>
        html`<li><b>${formatDuration(ms)}</b> for ${step}: ${subject} <code>${code}</code>${boot ? ', at boot' : ''}${over ? '' : ', and still does'}</li>`,
    )}</ul>`;
}

function factsOf(status: Status, { heard, now }: Explanation): (readonly [string, Html | string])[] {
  const { lease, instance, content, lastSync, services } = status;
  const { wanted, active, setAside } = content;
  const code = (text: string) => html`<code>${text}</code>`;
  const facts: (readonly [string, Html | string])[] = [
    ['Seen', `${shortSpan(now - heard)} ago, ${new Date(heard).toISOString()}`],
    ['Content', code(active ?? 'none')],
  ];
  if (wanted !== active) facts.push(['Wanted', wanted === undefined ? 'the bucket could not be read' : code(wanted)]);
  if (setAside)
    facts.push(['Set aside', html`${code(setAside.digest)} after ${setAside.subject} ${code(setAside.code)}`]);
  facts.push([
    'Last sync',
    `${lastSync.startedAt}, ${formatDuration(lastSync.ms)}, ${lastSync.steps} steps, ${lastSync.requests} requests`,
  ]);
  if (services.length > 0) {
    const words = services
      .slice(0, MOST_LISTED)
      .map(({ id, state, port }) => `${id} ${state}${port === undefined ? '' : ` (${port})`}`);
    facts.push(['Services', words.join(', ')]);
  }
  if (instance) {
    const { instanceType, availabilityZone, localIpv4, publicIpv4, agent } = instance;
    const words = [instanceType, availabilityZone, localIpv4, publicIpv4, agent === '' ? '' : `agent ${agent}`];
    facts.push(['Machine', words.filter((word) => word !== '').join(', ')]);
  }
  if (lease) facts.push(['Lease', `boot ${lease.generation}, ${lease.state}, until ${lease.expires}`]);
  if (lease?.notice)
    facts.push([
      'Notice',
      `${lease.notice.kind}, heard ${lease.notice.heard}${lease.notice.deadline ? `, the machine goes ${lease.notice.deadline}` : ''}`,
    ]);
  return facts;
}
