import { formatDuration } from '../../lib/duration.ts';
import { visible } from '../../lib/log.ts';
import { paint } from '../talk.ts';
import type { TryEvent } from './events.ts';

/** The same events as a person likes to read them: on stderr, in colour where there is one. */
export function tellPeople(event: TryEvent, several: boolean): void {
  const who = several && event.role !== '' ? `${paint.cyan(event.role.padEnd(12))} ` : '';
  for (const line of linesOf(event)) process.stderr.write(`${who}${line}\n`);
}

export function tellLine(text: string): void {
  process.stderr.write(`${paint.dim(visible(text))}\n`);
}

function linesOf(event: TryEvent): string[] {
  switch (event.event) {
    case 'cloud':
      return [`${paint.bold('a cloud of your own')}  ${paint.dim(`S3 at ${event.endpoint}`)}`];
    case 'launched':
      return [`${paint.green('launched')} ${event.instanceId}  ${paint.dim(`role ${event.role}, ${event.address}`)}`];
    case 'phase':
      // A look that took no time is news for programs only.
      return event.ok && event.ms < 50 && event.subject === '' ? [] : [phaseLine(event)];
    case 'ready':
      return readyLines(event);
    case 'synced':
      return [syncedLine(event)];
    case 'failed':
      return failedLines(event);
    case 'terminated':
      return [paint.dim(`terminated ${event.instanceId}: nothing of it is left`)];
  }
}

function phaseLine(event: Extract<TryEvent, { event: 'phase' }>): string {
  const mark = event.ok ? paint.green('ok') : paint.red('no');
  const bar = paint.dim('#'.repeat(Math.min(30, Math.ceil(event.ms / 500))));
  return `  ${mark} ${event.phase.padEnd(9)} ${formatDuration(event.ms).padStart(8)}  ${visible(event.subject).padEnd(36)} ${bar}`;
}

function readyLines(event: Extract<TryEvent, { event: 'ready' }>): string[] {
  const place = `s3://${event.bucket}/${event.prefix}`;
  return [
    `${paint.green(paint.bold('ready'))} in ${formatDuration(event.bootMs)}  ${event.url === null ? 'nothing listens' : paint.underline(event.url)}`,
    paint.dim('  edit the directory, or upload to the bucket as you would to a real one:'),
    paint.dim(`  export AWS_ACCESS_KEY_ID=${event.accessKeyId} AWS_SECRET_ACCESS_KEY=${event.secretAccessKey}`),
    paint.dim(`  aws --region ${event.region} --endpoint-url ${event.endpoint} s3 cp FILE ${place}/root/...`),
    paint.dim('  Ctrl-C ends it.'),
  ];
}

function syncedLine(event: Extract<TryEvent, { event: 'synced' }>): string {
  const cost = paint.dim(`${formatDuration(event.ms)}, ${event.requests} requests, ${event.bytes} bytes`);
  if (event.changed.length === 0) return `${paint.green('synced')} ${event.steps} steps: nothing to do  ${cost}`;
  return `${paint.green('synced')} ${visible(event.changed.join('  '))}  ${cost}`;
}

function failedLines(event: Extract<TryEvent, { event: 'failed' }>): string[] {
  const head = `${paint.red('failed')} ${event.step}: ${visible(event.subject)}: ${visible(event.cause)} ${paint.dim(`[${event.code}]`)}`;
  const mistakes = (event.mistakes ?? []).flatMap(({ file, line, column, what, instead }) => [
    `  ${paint.bold(`${file}:${line}:${column}`)} ${visible(what)}`,
    `    ${paint.dim('write instead:')} ${visible(instead)}`,
  ]);
  const output =
    event.output === undefined ? [] : event.output.split('\n').map((line) => paint.dim(`  | ${visible(line)}`));
  return [head, ...mistakes, ...output, ...(mistakes.length > 0 ? [] : [`  next: ${visible(event.hint)}`])];
}
