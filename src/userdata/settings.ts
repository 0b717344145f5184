import { type BucketAddress, IN_HOST, parseBucketAddress } from '../aws/location.ts';
import { parseDuration } from '../lib/duration.ts';
import { HauloutError, type Trouble } from '../lib/errors.ts';
import { suggest } from '../lib/suggest.ts';
import { assignment, QUOTABLE, readAssignments } from './assignments.ts';
import { ARCHITECTURES, type Runtimes, runtimeName, runtimesFrom, runtimesRecord } from './runtimes.ts';

/**
 * What the operator said at launch: the `HAULOUT_*` lines at the top of user-data. The names are final (DESIGN §4).
 * No secret is ever among them: user-data is readable by every process on the instance.
 */
export interface Settings {
  /** HAULOUT_BUCKET=s3://bucket/prefix */
  readonly bucket: BucketAddress;
  /** HAULOUT_ENDPOINT: absolute URL, or undefined for Amazon's own. */
  readonly endpoint: string | undefined;
  /** HAULOUT_REGION, or undefined: the instance's own. */
  readonly region: string | undefined;
  /** HAULOUT_ANONYMOUS=true: read without signing. */
  readonly anonymous: boolean;
  /** HAULOUT_OWNER: the account, twelve digits, that must own the bucket; undefined: whoever does. */
  readonly owner?: string | undefined;
  /** HAULOUT_ROLE; default: last part of the prefix, else the bucket. */
  readonly role: string;
  /** HAULOUT_STATE=s3://bucket/prefix; default s3://<bucket>/.haulout */
  readonly state: BucketAddress;
  /** HAULOUT_SETTLE: how long the bucket must be quiet before a snapshot is taken. */
  readonly settleMs: number;
  /** HAULOUT_AGENT: lower-case hex sha256 of the agent bundle at <state>/agent/<sha256>. */
  readonly agent: string;
  /** HAULOUT_RUNTIME_X64, HAULOUT_RUNTIME_ARM64: sha256 of the packed Node at <state>/runtime/<sha256>. */
  readonly runtimes?: Runtimes;
}

export interface SettingRow {
  readonly name: string;
  readonly meaning: string;
  /** What holds when the line is absent, in words; undefined: the line is required. */
  readonly default: string | undefined;
  /** The form of a right value; hints say `write NAME=<form>`. */
  readonly form: string;
  /** What is wrong with a value, without repeating it; undefined: nothing. */
  readonly check: (value: string) => string | undefined;
}

export type ParsedSettings =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly troubles: readonly Trouble[] };

const DEFAULT_SETTLE_MS = 5_000;
const LONGEST_SETTLE_MS = 3_600_000;
export const ROLE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const LATER = 'is not done by this version of haulout';

const matches = (pattern: RegExp, what: string) => (value: string) => (pattern.test(value) ? undefined : what);
const notYet = () => LATER;

/** The one place that knows every name: the checks, the docs and `renderSettings` are made from it. */
export const SETTINGS: readonly SettingRow[] = [
  {
    name: 'HAULOUT_BUCKET',
    meaning: 'the prefix that holds haulout.ini, root/ and services/',
    default: undefined,
    form: 's3://bucket/prefix',
    check: checkAddress,
  },
  {
    name: 'HAULOUT_ENDPOINT',
    meaning: 'the S3 service, path included',
    default: "Amazon's own",
    form: 'https://host/path, or https://{bucket}.host/path',
    check: checkEndpoint,
  },
  {
    name: 'HAULOUT_REGION',
    meaning: 'the region requests are signed for',
    default: "the instance's own",
    form: 'us-east-1',
    check: matches(/^[a-z0-9][a-z0-9-]{0,62}$/, 'is not the name of a region'),
  },
  {
    name: 'HAULOUT_ANONYMOUS',
    meaning: 'read the bucket without signing',
    default: 'false',
    form: 'true (or false)',
    check: matches(/^(true|false)$/, 'is neither true nor false'),
  },
  {
    name: 'HAULOUT_OWNER',
    meaning: 'the account that must own the buckets: one of a stranger is neither read nor written',
    default: 'none is expected',
    form: '123456789012',
    check: matches(/^\d{12}$/, 'is not the number of an account'),
  },
  {
    name: 'HAULOUT_ROLE',
    meaning: 'what this instance is for',
    default: 'the last part of the prefix, else the bucket',
    form: 'name (letters, digits, dot, dash, underscore; 63 at most)',
    check: matches(ROLE_NAME, 'is not a role name'),
  },
  {
    name: 'HAULOUT_STATE',
    meaning: 'where instances write status, leases and backups',
    default: 's3://bucket/.haulout',
    form: 's3://bucket/prefix',
    check: checkAddress,
  },
  {
    name: 'HAULOUT_MODE',
    meaning: 'live: plain objects',
    default: 'live',
    form: 'live',
    check: (value) => (value === 'live' ? undefined : value === 'release' ? `release ${LATER}` : 'is not a mode'),
  },
  {
    name: 'HAULOUT_SETTLE',
    meaning: 'how long the bucket must be quiet before it is taken',
    default: '5s',
    form: '5s (up to 1h)',
    check: (value) =>
      (parseDuration(value) ?? Number.POSITIVE_INFINITY) <= LONGEST_SETTLE_MS ? undefined : 'is not such a duration',
  },
  {
    name: 'HAULOUT_AGENT',
    meaning: 'sha256 of the first agent',
    default: undefined,
    form: 'the 64 hex digits that haulout userdata prints',
    check: matches(SHA256, 'is not a sha256 in lower-case hex'),
  },
  ...ARCHITECTURES.map((arch) => ({
    name: runtimeName(arch),
    meaning: `sha256 of the Node for ${arch} machines that have none`,
    default: 'none: then the machine must have one, or its package manager',
    form: 'the 64 hex digits that haulout runtime add prints',
    check: matches(SHA256, 'is not a sha256 in lower-case hex'),
  })),
  ...['HAULOUT_KEYS', 'HAULOUT_FLOOR'].map((name) => ({
    name,
    meaning: 'kept for a later version',
    default: 'none',
    form: '',
    check: notYet,
  })),
];

/** Names only tests set, in the environment and never in a file: where the files go, who answers for 169.254.169.254. */
const SEAMS: readonly string[] = ['HAULOUT_ROOT', 'HAULOUT_METADATA'];

/** The settings among an environment's variables, as `parseSettings` takes them. */
export function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith('HAULOUT_') && !SEAMS.includes(name) && value !== undefined) found[name] = value;
  }
  return found;
}

/** `NAME=value` lines as `sh` assigns them, or names and values. An empty value is no value. All troubles at once. */
export function parseSettings(given: readonly string[] | Readonly<Record<string, string>>): ParsedSettings {
  const troubles: Trouble[] = [];
  const values = isLines(given) ? fromLines(given, troubles) : new Map(Object.entries(given));
  for (const [name, value] of values) {
    const row = SETTINGS.find((candidate) => candidate.name === name);
    if (!row) troubles.push(unknownName(name));
    else if (value !== '') troubles.push(...checkValue(row, value));
  }
  for (const row of SETTINGS) {
    if (row.default === undefined && !values.get(row.name)) troubles.push(trouble(row.name, 'is missing', write(row)));
  }
  if (troubles.length > 0) return { ok: false, troubles };
  const settings = meant(values);
  const last = checkTogether(settings);
  return last ? { ok: false, troubles: [last] } : { ok: true, settings };
}

/** One `NAME=value` a line, defaults left out; `sh` assigns exactly the value. Throws on settings no parse would give. */
export function renderSettings(settings: Settings): string {
  const given = settingsRecord(settings);
  const parsed = parseSettings(given);
  if (!parsed.ok) throw new HauloutError(parsed.troubles[0]!);
  return Object.entries(given)
    .map(([name, value]) => `${assignment(name, value)}\n`)
    .join('');
}

/** The same as names and values, unquoted: what the agent gets as its environment. */
export function settingsRecord(settings: Settings): Record<string, string> {
  const { endpoint, region, settleMs } = settings;
  return {
    HAULOUT_BUCKET: addressText(settings.bucket),
    ...(endpoint === undefined ? {} : { HAULOUT_ENDPOINT: endpoint }),
    ...(region === undefined ? {} : { HAULOUT_REGION: region }),
    ...(settings.anonymous ? { HAULOUT_ANONYMOUS: 'true' } : {}),
    ...(settings.owner === undefined ? {} : { HAULOUT_OWNER: settings.owner }),
    ...(settings.role === defaultRole(settings.bucket) ? {} : { HAULOUT_ROLE: settings.role }),
    ...(sameAddress(settings.state, defaultState(settings.bucket))
      ? {}
      : { HAULOUT_STATE: addressText(settings.state) }),
    ...(settleMs === DEFAULT_SETTLE_MS
      ? {}
      : { HAULOUT_SETTLE: settleMs % 1_000 === 0 ? `${settleMs / 1_000}s` : `${settleMs}ms` }),
    HAULOUT_AGENT: settings.agent,
    ...runtimesRecord(settings.runtimes ?? {}),
  };
}

export function addressText(address: BucketAddress): string {
  return `s3://${address.bucket}${address.prefix === '' ? '' : `/${address.prefix}`}`;
}

function meant(values: ReadonlyMap<string, string>): Settings {
  const value = (name: string) => values.get(name) || undefined;
  const bucket = parseBucketAddress(value('HAULOUT_BUCKET') ?? '')!;
  const runtimes = runtimesFrom(value);
  return {
    bucket,
    endpoint: value('HAULOUT_ENDPOINT'),
    region: value('HAULOUT_REGION'),
    anonymous: value('HAULOUT_ANONYMOUS') === 'true',
    owner: value('HAULOUT_OWNER'),
    role: value('HAULOUT_ROLE') ?? defaultRole(bucket),
    state: parseBucketAddress(value('HAULOUT_STATE') ?? '') ?? defaultState(bucket),
    settleMs: parseDuration(value('HAULOUT_SETTLE') ?? '') ?? DEFAULT_SETTLE_MS,
    agent: value('HAULOUT_AGENT') ?? '',
    ...(runtimes ? { runtimes } : {}),
  };
}

const defaultRole = (bucket: BucketAddress) => bucket.prefix.split('/').pop() || bucket.bucket;
const defaultState = ({ bucket }: BucketAddress): BucketAddress => ({ bucket, prefix: '.haulout' });
const sameAddress = (a: BucketAddress, b: BucketAddress) => a.bucket === b.bucket && a.prefix === b.prefix;

function checkTogether(settings: Settings): Trouble | undefined {
  if (!ROLE_NAME.test(settings.role)) {
    return trouble('HAULOUT_ROLE', 'the last part of the prefix is not a role name', 'write HAULOUT_ROLE=name');
  }
  if (sameAddress(settings.state, settings.bucket)) {
    return trouble('HAULOUT_STATE', 'is the prefix of the role itself', 'write another prefix, or leave the line out');
  }
  return undefined;
}

const isLines = (given: readonly string[] | Readonly<Record<string, string>>): given is readonly string[] =>
  Array.isArray(given);

function fromLines(lines: readonly string[], troubles: Trouble[]): Map<string, string> {
  const { values, wrong, twice } = readAssignments(lines);
  const hint = "write NAME=value or NAME='value', no blanks";
  for (const subject of wrong) troubles.push(trouble(subject, 'is not written as an assignment', hint));
  for (const name of twice) troubles.push(trouble(name, 'is set twice', 'keep one of the lines'));
  return values;
}

function checkValue(row: SettingRow, value: string): Trouble[] {
  const wrong = QUOTABLE.test(value) ? row.check(value) : 'holds a character that cannot stand in user-data';
  if (wrong === undefined) return [];
  const hint = row.check === notYet ? 'remove the line' : write(row);
  return [trouble(row.name, wrong, hint)];
}

function checkAddress(value: string): string | undefined {
  return parseBucketAddress(value) ? undefined : 'is not an s3 address';
}

function checkEndpoint(value: string): string | undefined {
  const url = /^https?:\/\/[^/]/.test(value) && URL.canParse(value) ? new URL(value) : undefined;
  if (!url) return 'is not an http or https URL';
  if (url.username || url.password) return 'holds a user name or a password, which user-data must not';
  if (/[{}]/.test(value.replace(IN_HOST, '//'))) return 'has braces that are not {bucket}. at the start of the host';
  return url.search || url.hash || /[?#]$/.test(value) ? 'has a query or a fragment' : undefined;
}

function unknownName(name: string): Trouble {
  const near = suggest(
    name,
    SETTINGS.map((row) => row.name),
  );
  return trouble(name, 'is not a setting', near ? `did you mean ${near}?` : 'remove the line');
}

const write = (row: SettingRow) => `write ${row.name}=${row.form}`;

function trouble(subject: string, reason: string, hint: string): Trouble {
  return { code: 'settings-invalid', step: 'settings', subject, reason, hint };
}
