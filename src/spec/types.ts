import { parseDuration } from '../lib/duration.ts';
import { suggest } from '../lib/suggest.ts';
import { cronProblem } from './cron.ts';
import { type FileLine, isUserName, readFileLine } from './file-line.ts';
import type { Problem } from './report.ts';
import type { Check, PackageSpec } from './spec.ts';
import { readWatch } from './watch.ts';

export type Read<T> = { readonly value: T } | { readonly problems: readonly Problem[] };

/** How one kind of value is written: for people (`says`), for an editor (`pattern` or `words`), for haulout (`read`). */
export interface Type<T> {
  readonly says: string;
  readonly pattern?: string;
  readonly words?: readonly string[];
  readonly read: (text: string) => Read<T>;
}

const LONGEST_TIME = '7d';
const LONGEST_COMMAND = 4_096;
export const ARCHIVES = ['.zip', '.tar.gz', '.tgz', '.tar.bz2', '.tar'];
const DURATION_PATTERN = '^([0-9]{1,9}(ms|s|m|h|d))+$';
const PACE_PATTERN = '^(off|([0-9]{1,9}(ms|s|m|h|d))+)$';
/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutLifecycleHook.html */
const LIFECYCLE_PATTERN = '^[A-Za-z0-9_/-]{1,255}$';
const SHORTEST_PACE_MS = 1_000;
const SHORTEST_RENEWAL_MS = 60_000;

/** To add a type: one reader and one line here. The schema names them, `ValueOf` gives what they mean. */
export const TYPES = {
  version: { says: 'the number 1', words: ['1'], read: readVersion },
  cron: { says: 'cron: 5 fields, or 6 with seconds first', read: readCron },
  timezone: { says: 'an IANA time zone', pattern: '^[A-Za-z][A-Za-z0-9_+/-]*$', read: readTimezone },
  duration: { says: 'a duration; `0s` is allowed', pattern: DURATION_PATTERN, read: (text) => readDuration(text, 0) },
  limit: { says: 'a duration above zero', pattern: DURATION_PATTERN, read: (text) => readDuration(text, 1) },
  pace: { says: 'a duration from `1s`, or `off`', pattern: PACE_PATTERN, read: readPace },
  renewal: { says: 'a duration from `1m`', pattern: DURATION_PATTERN, read: readRenewal },
  upgrade: wordsOf('boot', 'never'),
  lifecycle: { says: 'the name of a lifecycle hook', pattern: LIFECYCLE_PATTERN, read: readLifecycle },
  action: wordsOf('reload', 'restart'),
  state: wordsOf('running', 'stopped', 'absent'),
  announcement: wordsOf('announced', 'absent'),
  user: { says: 'the name of a user', pattern: '^[A-Za-z_][A-Za-z0-9_.-]{0,31}$', read: readUser },
  port: { says: 'a number from 1 to 65535', pattern: '^[1-9][0-9]{0,4}$', read: readPort },
  check: { says: 'a URL, or `tcp:PORT`', pattern: '^(https?://|tcp:[1-9])', read: readCheck },
  image: { says: '`services/NAME`, a directory or an archive', pattern: '^services/[^/]+$', read: readImage },
  unit: { says: 'the name of a unit', pattern: '^[A-Za-z0-9][A-Za-z0-9:_.@-]*$', read: readUnit },
  watch: { says: 'paths (`*`, `**`, `?`) and `package:NAME`, with commas between', read: readWatched },
  command: { says: 'a command line for /bin/sh', read: readCommand },
  package: { says: '`present`, `latest`, `absent` or a version pattern such as `8.2.*`', read: readPackage },
  file: { says: '`template`, `directory`, `absent`, `link=TARGET`, `mode=0640`, `owner=USER:GROUP`', read: readFile },
  text: { says: 'any text', read: (text) => ({ value: text }) },
} satisfies Record<string, Type<unknown>>;

export type TypeName = keyof typeof TYPES;
export type ValueOf<N extends TypeName> = (typeof TYPES)[N] extends { read: (text: string) => Read<infer T> }
  ? T
  : never;

function wrong(what: string, instead: string): { readonly problems: readonly Problem[] } {
  return { problems: [{ what, instead }] };
}

function wordsOf<W extends string>(...words: readonly W[]) {
  const list = words.map((word) => `\`${word}\``).join(', ');
  const read = (text: string): Read<W> => {
    const value = words.find((word) => word === text);
    if (value !== undefined) return { value };
    const near = suggest(text, words);
    return wrong(
      'this word is not known here',
      near ? `did you mean \`${near}\`? Write one of ${list}` : `write one of ${list}`,
    );
  };
  return { says: list, words, read };
}

function readVersion(text: string): Read<1> {
  return text === '1' ? { value: 1 } : wrong('this haulout reads version 1 of the file', 'write `version = 1`');
}

function readCron(text: string): Read<string> {
  const value = text.split(/\s+/).join(' '); // node-cron knows no tabs
  const problem = cronProblem(value);
  return problem ? { problems: [problem] } : { value };
}

function readTimezone(text: string): Read<string> {
  if (/^[A-Za-z]/.test(text) && isTimezone(text)) return { value: text };
  return wrong('this is not a time zone of this machine', 'write an IANA name, such as `UTC` or `Europe/Berlin`');
}

function isTimezone(name: string): boolean {
  if (name === 'UTC') return true; // the default of every file; to make a formatter takes a while
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** A timer of Node fires at once when it is set beyond 24 days; nothing here needs to wait that long. */
function readDuration(text: string, least: number): Read<number> {
  const value = parseDuration(text);
  if (value === undefined)
    return wrong(
      'this is not a duration',
      'write a number with its unit, without blanks: `500ms`, `30s`, `5m`, `1h30m`',
    );
  if (value < least) return wrong('the time must be above zero', 'write a time such as `30s`');
  if (value > parseDuration(LONGEST_TIME)!) return wrong('the time is too long', `write at most \`${LONGEST_TIME}\``);
  return { value };
}

/** 0: never. */
function readPace(text: string): Read<number> {
  const read = text === 'off' ? { value: 0 } : readDuration(text, 0);
  if ('value' in read && read.value > 0 && read.value < SHORTEST_PACE_MS)
    return wrong('the time is too short', 'write at least `1s`, or `off`');
  return read;
}

/** It is looked at on the schedule, and a schedule of seconds must be no flood for somebody else's host. */
function readRenewal(text: string): Read<number> {
  const read = readDuration(text, 0);
  if ('value' in read && read.value < SHORTEST_RENEWAL_MS) return wrong('the time is too short', 'write at least `1m`');
  return read;
}

function readLifecycle(text: string): Read<string> {
  if (new RegExp(LIFECYCLE_PATTERN).test(text)) return { value: text };
  return wrong('this is not the name of a lifecycle hook', 'write the name that the Auto Scaling group gives it');
}

function readUser(text: string): Read<string> {
  return isUserName(text)
    ? { value: text }
    : wrong('this is not the name of a user', 'write a name such as `www-data`');
}

function readPort(text: string): Read<number> {
  const value = portOf(text);
  return value === undefined ? wrong('this is not a port', 'write a number from 1 to 65535') : { value };
}

function portOf(text: string): number | undefined {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

/**
 * | written                     | verdict                                     |
 * | --------------------------- | ------------------------------------------- |
 * | `tcp:3306`                  | a connection is enough                      |
 * | `http://..`, `https://..`   | a good answer is needed                     |
 * | `http://user:secret@host/`  | refused: the address ends up in the status  |
 * | anything else               | refused                                     |
 */
function readCheck(text: string): Read<Check> {
  const port = text.startsWith('tcp:') ? portOf(text.slice(4)) : undefined;
  if (port !== undefined) return { value: { kind: 'tcp', port } };
  if (text.startsWith('tcp:')) return wrong('this is not a port', 'write `tcp:PORT`, with a port from 1 to 65535');
  if (!/^https?:\/\/[^/?#\\\s]+[^\\\s]*$/.test(text) || !URL.canParse(text))
    return wrong('this is neither a URL nor a port', 'write `http://127.0.0.1/`, `https://...` or `tcp:PORT`');
  const { username, password } = new URL(text);
  if (username !== '' || password !== '')
    return wrong('the URL holds a user or a password', 'write it without, and check with `bin/check` if one is needed');
  return { value: { kind: 'url', url: text } };
}

function readImage(text: string): Read<string> {
  const foreign =
    /\.(tar\.(xz|zst|lz4?)|txz|tbz2?|gz|bz2|xz|zst|rar|7z)$/.test(text) && !ARCHIVES.some((end) => text.endsWith(end));
  if (!foreign && /^services\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text)) return { value: text };
  const rule = `write \`services/NAME\`, or an archive: ${ARCHIVES.map((end) => `\`NAME${end}\``).join(', ')}`;
  return wrong('this is not an image under services/', rule);
}

function readUnit(text: string): Read<string> {
  if (!/^[A-Za-z0-9][A-Za-z0-9:_.@-]{0,255}$/.test(text))
    return wrong('this is not the name of a unit', 'write a name such as `nginx`');
  if (/^haulout([.@-].*)?$/.test(text)) return wrong('haulout looks after its own unit itself', 'name another unit');
  return { value: text };
}

function readWatched(text: string): Read<readonly string[]> {
  const { items, problems } = readWatch(text);
  return problems.length > 0 ? { problems } : { value: items };
}

function readCommand(text: string): Read<string> {
  if (text.length <= LONGEST_COMMAND) return { value: text };
  return wrong(`the command is longer than ${LONGEST_COMMAND} characters`, 'put it into a script and call that');
}

function readPackage(text: string): Read<PackageSpec['want']> {
  const words = ['present', 'latest', 'absent'] as const;
  const word = words.find((known) => known === text);
  if (word) return { value: word };
  if (/^[0-9A-Za-z*][0-9A-Za-z.+~:*_-]{0,127}$/.test(text) && /\d/.test(text)) return { value: { version: text } };
  const near = suggest(text, words);
  const list = 'write `present`, `latest`, `absent` or a version pattern such as `8.2.*`';
  return wrong('this is neither a known word nor a version', near ? `did you mean \`${near}\`? Else ${list}` : list);
}

function readFile(text: string): Read<FileLine> {
  const line = readFileLine(text);
  return line.problems.length > 0 ? { problems: line.problems } : { value: line };
}
