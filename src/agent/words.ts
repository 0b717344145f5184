import type { Lease } from '../fleet/lease.ts';
import { formatDuration } from '../lib/duration.ts';
import { EXIT } from '../lib/exit.ts';
import { visible } from '../lib/log.ts';
import type { Status } from '../status/status.ts';
import { shortList } from './tell.ts';

/** How the agent's commands talk: a status for people or for programs, to standard output; the rest to standard error. */
export function print(found: Status, words: readonly string[]): void {
  process.stdout.write(words.includes('--json') ? `${JSON.stringify(found)}\n` : text(found));
}

function text(found: Status): string {
  const { lastSync, content, trouble } = found;
  const { localIpv4 = '', publicIpv4 = '' } = found.instance ?? {};
  const lines = [
    `${found.instanceId}  role ${found.role}  ${found.health}${[publicIpv4, localIpv4].map((each) => each && `  ${each}`).join('')}`,
    ...leaseLines(found.lease),
    `content   ${content.active?.slice(0, 12) ?? 'none'}${content.wanted === content.active ? '' : ` (the bucket has ${content.wanted?.slice(0, 12) ?? 'nothing readable'})`}`,
    `last sync ${lastSync.startedAt}, ${formatDuration(lastSync.ms)}, ${lastSync.steps} steps, ${lastSync.requests} requests`,
  ];
  if (lastSync.changed.length > 0) lines.push(`changed   ${shortList(lastSync.changed)}`);
  for (const { id, state, port } of found.services)
    lines.push(`service   ${id} ${state}${port === undefined ? '' : ` (port ${port})`}`);
  for (const entry of found.waiting)
    lines.push(
      `waiting   ${entry.subject} (${entry.code}, ${entry.failures} times), next try ${new Date(entry.nextTry).toISOString()}`,
    );
  for (const { step, subject, code, ms, over, boot } of found.waited)
    lines.push(
      `waited    ${formatDuration(ms)} for ${step}: ${subject} (${code})${boot ? ', at boot' : ''}${over ? '' : ', and still does'}`,
    );
  for (const { file, line, column, what, instead } of found.mistakes ?? []) {
    lines.push(`mistake   ${file}:${line}:${column}: ${what}`, `          write instead: ${instead}`);
  }
  if (trouble) {
    lines.push(
      `trouble   ${trouble.step}: ${trouble.subject}: ${trouble.reason} [${trouble.code}]`,
      `          ${trouble.hint}`,
    );
    for (const line of trouble.output?.split('\n') ?? []) lines.push(`        | ${line}`);
  }
  for (const note of found.notes) lines.push(`note      ${note}`);
  return `${lines.map(visible).join('\n')}\n`;
}

/** Nothing while all is as it should be. */
function leaseLines(lease: Lease | undefined): string[] {
  if (!lease || (lease.state === 'active' && !lease.notice)) return [];
  const { kind, heard, deadline } = lease.notice ?? {};
  const until = deadline === undefined ? '' : `, until ${deadline}`;
  return [`lease     ${lease.state}${kind === undefined ? '' : ` (${kind}, heard ${heard}${until})`}`];
}

export function notRoot(): number {
  say('only root may ask this. next: sudo haulout ...');
  return EXIT.notPermitted;
}

export function say(words: string): void {
  process.stderr.write(`haulout: ${words}\n`);
}
