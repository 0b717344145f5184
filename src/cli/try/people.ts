import { formatDuration } from '../../lib/duration.ts';
import { visible } from '../../lib/log.ts';
import { paint } from '../talk.ts';
import type { Audience, TryEvent } from './events.ts';
import { LiveLine } from './live-line.ts';

type Of<Name extends TryEvent['event']> = Extract<TryEvent, { event: Name }>;

const TIME = 8;
const WORD = 10;
const ROLE = 10;
const MOST_SUBJECT = 50;
const MOST_BAR = 30;
/** Off a terminal. */
const WIDE = 110;
/** A look that took no longer is news for programs only. */
const SHORT_MS = 300;
const MOST_SUBJECTS = 8;

/** What is under way when a phase has ended; it is said while nothing else is. */
const NEXT: Readonly<Record<string, string>> = {
  launcher: 'the agent looks who it is, and into the bucket',
  spec: 'packages are installed',
  packages: 'files are written, services started',
  files: 'services start, and must stay well for a while',
  service: 'services start, and must stay well for a while',
};

/**
 * The same events as a person likes to read them, on standard error: when, what, on what. While an instance boots, one line at
 * the bottom says what is under way; only on a terminal, and gone before anything else is written.
 */
export class People implements Audience {
  readonly #several: boolean;
  readonly #stays: boolean;
  readonly #live = new LiveLine();
  #hinted = false;
  #began = Date.now();
  readonly #booting = new Map<string, { since: number; doing: string }>();

  constructor(how: { readonly several: boolean; readonly stays: boolean }) {
    this.#several = how.several;
    this.#stays = how.stays;
  }

  event(event: TryEvent): void {
    this.#follow(event);
    const lines = event.event === 'phase' ? phaseLines(event, this.#several ? ROLE + 1 : 0) : linesOf(event);
    for (const [time, line] of lines) this.#write(time, event.role, line);
    if (event.event !== 'ready' || !this.#stays || this.#hinted) return;
    this.#hinted = true;
    for (const line of hintsOf(event)) this.#live.write(paint.dim(' '.repeat(TIME + 2) + line));
  }

  console(role: string, line: string): void {
    this.#write('', role, paint.dim(`${'|'.padEnd(WORD)} ${visible(line)}`));
  }

  change(role: string, change: { readonly key: string; readonly what: string }): void {
    this.#write(clock(new Date().toISOString()), role, paint.dim(row(change.what, visible(change.key))));
  }

  end(): void {
    this.#live.stop();
  }

  #write(time: string, role: string, line: string): void {
    const who = this.#several ? `${paint.cyan(role.slice(0, ROLE).padEnd(ROLE))} ` : '';
    this.#live.write(`${paint.dim(time.padStart(TIME))}  ${who}${line}`.trimEnd());
  }

  #follow(event: TryEvent): void {
    const { instanceId } = event;
    if (event.event === 'cloud') this.#began = Date.now();
    if (event.event === 'launched') this.#booting.set(instanceId, { since: this.#began, doing: 'the launcher runs' });
    else if (event.event === 'ready' || event.event === 'terminated') this.#booting.delete(instanceId);
    const state = this.#booting.get(instanceId);
    if (state && event.event === 'phase') state.doing = NEXT[event.phase] ?? state.doing;
    if (state && event.event === 'failed') state.doing = 'it is tried again; an edit is taken at once';
    const [first] = this.#booting.values();
    if (first)
      this.#live.show(() => `${formatDuration(Date.now() - first.since).padStart(TIME)}  ...        ${first.doing}`);
    else this.#live.stop();
  }
}

type Lines = readonly (readonly [time: string, line: string])[];

function linesOf(event: Exclude<TryEvent, Of<'phase'>>): Lines {
  switch (event.event) {
    case 'cloud':
      return [['', row('cloud', paint.dim(`of your own, on this machine; S3 at ${event.endpoint}`))]];
    case 'launched':
      return [['', row('launched', `${event.instanceId}  ${paint.dim(`role ${event.role}, ${event.address}`)}`)]];
    case 'ready':
      return readyLines(event);
    case 'synced':
      return syncedLines(event);
    case 'failed':
      return failedLines(event);
    case 'terminated':
      return [['', row('terminated', paint.dim(event.instanceId))]];
  }
}

/** `taken`: columns that something else needs. */
function phaseLines({ phase, subject, ms, ok, sinceLaunchMs }: Of<'phase'>, taken: number): Lines {
  if (ok && ms < SHORT_MS && subject === '') return [];
  const room = (process.stderr.columns || WIDE) - taken - TIME - WORD - 13;
  const width = Math.max(20, Math.min(MOST_SUBJECT, room));
  const about = cut(visible(subject), width).padEnd(width);
  const bar = '#'.repeat(Math.max(0, Math.min(MOST_BAR, room - width - 2, Math.ceil(ms / 500))));
  const took = `${formatDuration(ms).padStart(8)}${bar === '' ? '' : `  ${paint.dim(bar)}`}`;
  return [[formatDuration(sinceLaunchMs), `${row(phase, about, ok ? paint.green : paint.red)} ${took}`]];
}

function readyLines({ url, bootMs }: Of<'ready'>): Lines {
  const where = url === null ? 'nothing listens' : paint.bold(paint.underline(url));
  return [[formatDuration(bootMs), row('ready', where, (text) => paint.green(paint.bold(text)))]];
}

function hintsOf({ endpoint, bucket, prefix, region, accessKeyId, secretAccessKey }: Of<'ready'>): string[] {
  return [
    'Edit the directory, or upload to the bucket as you would to a real one:',
    `export AWS_ACCESS_KEY_ID=${accessKeyId} AWS_DEFAULT_REGION=${region}`,
    `export AWS_SECRET_ACCESS_KEY=${secretAccessKey}`,
    `aws --endpoint-url ${endpoint} s3 cp FILE s3://${bucket}/${prefix}/root/...`,
    'Ctrl-C ends it.',
  ];
}

function syncedLines({ at, changed, steps, requests, bytes, ms }: Of<'synced'>): Lines {
  const cost = paint.dim(`${formatDuration(ms)}, ${requests} requests, ${size(bytes)}`);
  const shown = changed.slice(0, MOST_SUBJECTS).map((subject) => visible(subject));
  if (changed.length > shown.length) shown.push(paint.dim(`and ${changed.length - shown.length} more`));
  // What was tried and did not hold was told as a failure: this is no success.
  const head =
    steps > 0 && changed.length === 0
      ? row('kept', `all as it was  ${cost}`, paint.yellow)
      : row('synced', `${steps === 0 ? 'nothing to do  ' : ''}${cost}`, paint.green);
  return [[clock(at), head], ...shown.map((subject) => ['', row('', subject)] as const)];
}

function failedLines(event: Of<'failed'>): Lines {
  const { mistakes = [], output = '' } = event;
  const about = `${visible(event.subject)}: ${visible(event.cause)}`;
  const count = `${mistakes.length} mistake${mistakes.length === 1 ? '' : 's'}; what runs stays as it is`;
  const words = `${event.step}: ${mistakes.length > 0 ? count : about} ${paint.dim(`[${event.code}]`)}`;
  const places = mistakes.flatMap(({ file, line, column, what, instead }) => [
    `${paint.bold(`${visible(file)}:${line}:${column}`)} ${visible(what)}`,
    `  ${paint.dim('write instead:')} ${visible(instead)}`,
  ]);
  const said = output === '' ? [] : output.trimEnd().split('\n');
  const more = [
    ...places,
    ...said.map((line) => paint.dim(`| ${visible(line)}`)),
    ...(mistakes.length > 0 ? [] : [`next: ${visible(event.hint)}`]),
  ];
  return [[clock(event.at), row('failed', words, paint.red)], ...more.map((line) => ['', row('', line)] as const)];
}

function row(word: string, rest: string, colour: (text: string) => string = (text) => text): string {
  return `${colour(word.padEnd(WORD))} ${rest}`;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 3)}...`;
}

function clock(at: string): string {
  return new Date(at).toTimeString().slice(0, 8);
}

function size(bytes: number): string {
  return bytes < 10_000
    ? `${bytes} bytes`
    : bytes < 10_000_000
      ? `${Math.round(bytes / 1_000)} kB`
      : `${Math.round(bytes / 1_000_000)} MB`;
}
