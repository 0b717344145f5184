import { type BucketAddress, parseBucketAddress } from '../../aws/location.ts';

/** What the launcher itself needs; the agent checks the whole, names included, with the schema of `settings.ts`. */
export interface OwnSettings {
  readonly state: BucketAddress;
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  readonly anonymous: boolean;
  readonly owner: string | undefined;
  readonly role: string;
  readonly agent: string;
  /** Every setting as written, without its quotes: what the agent gets. */
  readonly all: Readonly<Record<string, string>>;
}

/** Where the text ends that both a person and `sh` read as settings. */
const SETTINGS_END = '\n: <<';
const ASSIGNMENT = /^(HAULOUT_\w+)=(?:'([ -&(-~]*)'|"([^"$`\\]*)"|([\w@%+=:,./-]*))([ \t]+#.*|[ \t]*)$/;

/**
 * Settings out of the script's own text, or all complaints. A line that was meant as one and is written wrongly is not
 * overlooked, and what only tests set in the environment cannot be set here.
 */
export function ownSettings(text: string): OwnSettings | string[] {
  const all: Record<string, string> = {};
  const wrong: string[] = [];
  for (const line of text.slice(0, Math.max(0, text.indexOf(SETTINGS_END))).split('\n')) {
    const name = /^\s*(?:export\s+)?(HAULOUT_\w*)/.exec(line)?.[1];
    if (!name) continue;
    const match = /_(ROOT|METADATA)$/.test(name) ? null : ASSIGNMENT.exec(line);
    if (match) all[name] = match[2] ?? match[3] ?? match[4]!;
    else wrong.push(`${name}: is not a setting, or not written as one. Write ${name}='value', no blanks`);
  }
  const check = (holds: boolean, name: string, form: string) => {
    if (!holds) wrong.push(`${name}: is missing or wrong. Write ${name}=${form}`);
  };
  const is = (name: string, pattern: RegExp, form: string) => check(pattern.test(all[name] ?? ''), name, form);
  const bucket = parseBucketAddress(all['HAULOUT_BUCKET'] ?? '');
  const state = parseBucketAddress(all['HAULOUT_STATE'] || `s3://${bucket?.bucket}/.haulout`);
  const endpoint = all['HAULOUT_ENDPOINT'] || undefined;
  check(!!bucket, 'HAULOUT_BUCKET', 's3://bucket/prefix');
  check(!!state, 'HAULOUT_STATE', 's3://bucket/prefix');
  check(
    !endpoint || (/^https?:\/\/[^@?#]+$/.test(endpoint) && URL.canParse(endpoint)),
    'HAULOUT_ENDPOINT',
    'https://host/path',
  );
  is('HAULOUT_REGION', /^[a-z0-9-]*$/, 'us-east-1');
  is('HAULOUT_ANONYMOUS', /^(true|false)?$/, 'true');
  is('HAULOUT_OWNER', /^(\d{12})?$/, '123456789012');
  is('HAULOUT_AGENT', /^[0-9a-f]{64}$/, '(64 hex digits that haulout userdata prints)');
  if (wrong.length || !bucket || !state) return wrong;
  return {
    state,
    endpoint,
    region: all['HAULOUT_REGION'] || undefined,
    anonymous: all['HAULOUT_ANONYMOUS'] === 'true',
    owner: all['HAULOUT_OWNER'] || undefined,
    role: all['HAULOUT_ROLE'] || bucket.prefix.split('/').pop() || bucket.bucket,
    agent: all['HAULOUT_AGENT']!,
    all,
  };
}
