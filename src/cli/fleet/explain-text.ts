import { formatDuration } from '../../lib/duration.ts';
import { visibleName } from '../../lib/log.ts';
import type { Status } from '../../status/status.ts';
import type { Waited } from '../../status/waited.ts';
import { ink } from '../talk.ts';
import { timelineBars } from './bars.ts';
import type { Explanation, Failing } from './explanation.ts';
import { isWell } from './row.ts';
import { counted, shortSpan } from './words.ts';

const LABEL = 11;
const MOST_LISTED = 20;

/** For a terminal: who, what failed and why, what it said, what to do, and where the time went. */
export function explainText(status: Status, explanation: Explanation): string {
  const { condition, failing, now } = explanation;
  const paint = isWell(condition) ? ink.green : condition === 'lost' || condition === 'failed' ? ink.red : ink.yellow;
  const lines = [
    `${ink.bold(status.instanceId)}  role ${status.role}  ${paint(condition)}`,
    ...whoLines(status, explanation),
    ...contentLines(status),
    ...serviceLines(status),
  ];
  if (condition === 'lost') lines.push('', ...lostLines(status, explanation));
  if (failing) lines.push('', ...failingLines(failing, now));
  for (const { file, line, column, what, instead } of (status.mistakes ?? []).slice(0, MOST_LISTED))
    lines.push(...said('mistake', `${file}:${line}:${column}: ${what}`), ...said('', `write instead: ${instead}`));
  for (const wait of status.waited.slice(0, MOST_LISTED)) lines.push(...said('waited', waitWords(wait)));
  for (const note of status.notes.slice(0, MOST_LISTED)) lines.push(...said('note', note));
  lines.push('', ...roundLines(status));
  return `${lines.join('\n')}\n`;
}

function whoLines({ lease, instance, lastSync }: Status, { heard, now, leaseEnds = 0 }: Explanation): string[] {
  const boot = lease ? `, boot ${lease.generation}` : '';
  const left = leaseEnds - now;
  const words = left > 0 ? `, lease for ${shortSpan(left)} more` : '';
  const lines = said('seen', `${new Date(heard).toISOString()}, ${shortSpan(now - heard)} ago${boot}${words}`);
  if (lease?.notice) {
    const { kind, heard: when, deadline } = lease.notice;
    lines.push(...said('notice', `${kind}, heard ${when}${deadline ? `, the machine goes ${deadline}` : ''}`));
  }
  if (instance) {
    const { instanceType, availabilityZone, localIpv4, publicIpv4, bootedAt, agent } = instance;
    const up = bootedAt === '' ? '' : `up since ${bootedAt}`;
    const parts = [instanceType, availabilityZone, localIpv4, publicIpv4, up, agent === '' ? '' : `agent ${agent}`];
    lines.push(...said('machine', parts.filter((part) => part !== '').join(', ')));
  }
  lines.push(
    ...said(
      'last sync',
      `${lastSync.startedAt}, ${formatDuration(lastSync.ms)}, ${lastSync.steps} steps, ${lastSync.requests} requests`,
    ),
  );
  return lines;
}

/** What the round went in with: which content, and what became of it. */
function contentLines({ content: { wanted, active, setAside } }: Status): string[] {
  const lines = [
    ...said('content', `active ${active ?? 'none'}`),
    ...(wanted === active ? [] : said('', `wanted ${wanted ?? 'unknown: the bucket could not be read'}`)),
  ];
  if (setAside) lines.push(...said('', `set aside ${setAside.digest}, after ${setAside.subject} [${setAside.code}]`));
  return lines;
}

function serviceLines({ services }: Status): string[] {
  if (services.length === 0) return [];
  const words = services
    .slice(0, MOST_LISTED)
    .map(({ id, state, port }) => `${id} ${state}${port === undefined ? '' : ` (port ${port})`}`);
  return said('services', words.join(', '));
}

function lostLines({ health, trouble, instanceId }: Status, { now, leaseEnds = 0 }: Explanation): string[] {
  const last = trouble ? 'its last words are below' : `its last words were that it is ${health}`;
  return [
    ...said(
      'lost',
      `its lease ran out ${new Date(leaseEnds).toISOString()}, ${shortSpan(now - leaseEnds)} ago, without a goodbye`,
    ),
    ...said('', `it was shut off, crashed, or does not reach the bucket any more; ${last}`),
    ...said('next', `haulout replace ${instanceId}`),
  ];
}

function failingLines(failing: Failing, now: number): string[] {
  const { step, subject, code, reason, hint, why, exitCode, output, failures, nextTry } = failing;
  const ahead = Date.parse(nextTry ?? '') - now;
  return [
    ...said('failing', ink.red(visibleName(`${step}: ${subject} [${code}]`)), true),
    ...said('because', reason),
    ...(why === undefined ? [] : said('done for', why)),
    ...(exitCode === undefined ? [] : said('exit code', String(exitCode))),
    ...(failures === undefined
      ? []
      : said(
          'tried',
          `${counted(failures, 'time')}; next ${ahead > 0 ? `in ${shortSpan(ahead)}` : 'at the next sync'} (${nextTry})`,
        )),
    ...output.flatMap((line, index) => said(index === 0 ? 'output' : '', `| ${line}`)),
    ...said('next', hint),
  ];
}

function waitWords({ step, subject, code, ms, over, boot }: Waited): string {
  return `${formatDuration(ms)} for ${step}: ${subject} (${code})${boot ? ', at boot' : ''}${over ? '' : ', and still does'}`;
}

function roundLines({ timeline, lastSync }: Status): string[] {
  if (timeline.length === 0) return [`no round of it has done anything yet (the last one: ${lastSync.startedAt})`];
  return [ink.bold('the last round that did something'), ...timelineBars(timeline).map((line) => `  ${line}`)];
}

/** A labelled line; `ours`: coloured by us, and made visible before. */
function said(label: string, text: string, ours = false): string[] {
  return [`${label === '' ? ' '.repeat(LABEL) : ink.dim(label.padEnd(LABEL))}${ours ? text : visibleName(text)}`];
}
