import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownSettings } from '../../src/userdata/launcher/own.ts';
import { agentKey } from '../../src/userdata/pin.ts';
import {
  fromEnvironment,
  parseSettings,
  renderSettings,
  SETTINGS,
  type Settings,
  settingsRecord,
} from '../../src/userdata/settings.ts';
import { command, skippedAloud } from '../support/needs.ts';

const AGENT = 'ab'.repeat(32);
const LEAST = ['HAULOUT_BUCKET=s3://planet-bucket/envs/prod/planet', `HAULOUT_AGENT=${AGENT}`];
const BUSYBOX: [string, ...string[]] = ['/bin/busybox', 'sh'];
const SHELLS: readonly [string, ...string[]][] = [
  ['/bin/dash'],
  ['/bin/bash'],
  ['/bin/bash', '--posix'],
  // The CI has it; elsewhere it is said that it is not here.
  ...(skippedAloud('settings read by BusyBox', [command('busybox', 'busybox')]) ? [] : [BUSYBOX]),
];

function parsed(...lines: string[]): Settings {
  const result = parseSettings(lines);
  if (!result.ok) throw new Error(JSON.stringify(result.troubles));
  return result.settings;
}

function troubles(...lines: string[]): string[] {
  const result = parseSettings(lines);
  return result.ok ? [] : result.troubles.map(({ subject, reason, hint }) => `${subject}: ${reason}. ${hint}`);
}

test('defaults', () => {
  expect(parsed(...LEAST)).toEqual({
    bucket: { bucket: 'planet-bucket', prefix: 'envs/prod/planet' },
    endpoint: undefined,
    region: undefined,
    anonymous: false,
    role: 'planet',
    state: { bucket: 'planet-bucket', prefix: '.haulout' },
    settleMs: 5_000,
    agent: AGENT,
  });
  expect(parsed('HAULOUT_BUCKET=s3://planet-bucket', LEAST[1]!).role).toBe('planet-bucket');
});

test('everything, in the ways a person writes it', () => {
  const settings = parsed(
    '# a comment',
    '',
    "HAULOUT_BUCKET='s3://planet-bucket/a (b)/planet'   # quoted",
    'HAULOUT_ENDPOINT="http://walrus:8773/services/Walrus"',
    'HAULOUT_REGION=',
    'HAULOUT_ANONYMOUS=true',
    'HAULOUT_OWNER=123456789012',
    'HAULOUT_ROLE=web.1_a-b',
    'HAULOUT_STATE=s3://other-bucket',
    'HAULOUT_MODE=live',
    'HAULOUT_SETTLE=1m30s',
    LEAST[1]!,
  );
  expect(settings).toMatchObject({
    endpoint: 'http://walrus:8773/services/Walrus',
    region: undefined,
    role: 'web.1_a-b',
  });
  expect(settings).toMatchObject({
    anonymous: true,
    owner: '123456789012',
    settleMs: 90_000,
    state: { bucket: 'other-bucket', prefix: '' },
  });
});

test('all troubles at once, no value in any of them', () => {
  const found = troubles(
    'HAULOUT_BUCKET=https://secret-thing',
    'HAULOUT_ENDPOINT=http://user:secret-thing@host/',
    'HAULOUT_REGION=secret-Thing',
    'HAULOUT_ANONYMOUS=secret-thing',
    'HAULOUT_ROLE=secret/thing',
    'HAULOUT_STATE=secret-thing',
    'HAULOUT_MODE=secret-thing',
    'HAULOUT_OWNER=secret-thing',
    'HAULOUT_SETTLE=5',
    'HAULOUT_AGENT=secret-thing',
    'HAULOUT_BUKCET=secret-thing',
    'HAULOUT_ROLE=secret-thing',
    'HAULOUT_ROLE = secret-thing',
  );
  expect(found).toHaveLength(13);
  expect(found.join()).not.toMatch(/secret/i);
  expect(found).toContain('HAULOUT_BUKCET: is not a setting. did you mean HAULOUT_BUCKET?');
  expect(found).toContain('HAULOUT_ROLE: is set twice. keep one of the lines');
});

test.each([
  ['HAULOUT_MODE=release', 'HAULOUT_MODE: release is not done by this version of haulout. write HAULOUT_MODE=live'],
  ['HAULOUT_KEYS=abc', 'HAULOUT_KEYS: is not done by this version of haulout. remove the line'],
  ['HAULOUT_FLOOR=7', 'HAULOUT_FLOOR: is not done by this version of haulout. remove the line'],
  [
    'HAULOUT_RUNTIME_X64=ab',
    'HAULOUT_RUNTIME_X64: is not a sha256 in lower-case hex. write HAULOUT_RUNTIME_X64=the 64 hex digits that haulout runtime add prints',
  ],
  ['HAULOUT_ROOT=/x', 'HAULOUT_ROOT: is not a setting. did you mean HAULOUT_ROLE?'],
])('%s is refused by name', (line, words) => {
  expect(troubles(...LEAST, line)).toEqual([words]);
});

test.each([
  ['HAULOUT_ENDPOINT=http://host/?a=b'],
  ['HAULOUT_ENDPOINT=ftp://host/'],
  ['HAULOUT_ENDPOINT=http:///path'],
  ['HAULOUT_ENDPOINT=http://host:99999'],
  ["HAULOUT_ENDPOINT='https://host/{bucket}.x'"],
  ["HAULOUT_ENDPOINT='https://{name}.host'"],
  ['HAULOUT_OWNER=12345'],
  ['HAULOUT_SETTLE=2h'],
  ['HAULOUT_ROLE=..'],
  ['HAULOUT_ROLE=$(id)'],
  ["HAULOUT_ROLE='a'\"'b'"],
  ['HAULOUT_STATE=s3://planet-bucket/envs/prod/planet/'],
  ['export HAULOUT_REGION=a'],
])('%s is wrong', (line) => {
  expect(troubles(...LEAST, line)).toHaveLength(1);
});

test.each([
  ["s3://planet-bucket/a b's"],
  ['s3://planet-bucket/a*/b'],
  ['s3://planet-bucket/\u00e4'],
  ['s3://planet-bucket/a\\b'],
])('a prefix that cannot stand in user-data is refused: %s', (bucket) => {
  const result = parseSettings({ HAULOUT_BUCKET: bucket, HAULOUT_AGENT: AGENT, HAULOUT_ROLE: 'r' });
  expect(result.ok).toBe(false);
});

test('a prefix whose last part is no role name asks for a role', () => {
  expect(troubles("HAULOUT_BUCKET='s3://planet-bucket/a b'", LEAST[1]!)[0]).toMatch(
    /^HAULOUT_ROLE: .*write HAULOUT_ROLE=name/,
  );
});

test('names that objects are born with are not settings', () => {
  const given = JSON.parse(`{"__proto__":"x","HAULOUT_BUCKET":"s3://planet-bucket","HAULOUT_AGENT":"${AGENT}"}`);
  expect(parseSettings(given)).toMatchObject({ ok: false, troubles: [{ subject: '__proto__' }] });
});

test('an environment gives its settings, without the test seams', () => {
  const environment = {
    PATH: '/bin',
    HAULOUT_ROOT: '/x',
    HAULOUT_METADATA: 'y',
    HAULOUT_ROLE: 'web',
    HAULOUT_AGENT: undefined,
  };
  expect(fromEnvironment(environment)).toEqual({ HAULOUT_ROLE: 'web' });
});

test('the table has a meaning for each name, once', () => {
  expect(new Set(SETTINGS.map((row) => row.name)).size).toBe(SETTINGS.length);
  for (const row of SETTINGS) expect(row.meaning).not.toBe('');
});

test('render refuses what no parse would give', () => {
  expect(() => renderSettings({ ...parsed(...LEAST), role: "a'; id #" })).toThrow(/HAULOUT_ROLE/);
});

test.each([
  ['.haulout', `.haulout/agent/${AGENT}`],
  ['', `agent/${AGENT}`],
])('the agent of state %j is at %s', (prefix, key) => {
  expect(agentKey({ bucket: 'b', prefix }, AGENT)).toBe(key);
});

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
const bucketName = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{1,20}$/);
const segment = fc
  .string({ unit: fc.constantFrom(...'abcXYZ019 !#$%&()+,-.:;<=>?@[]^_{|}~'), minLength: 1, maxLength: 12 })
  .filter((text) => text !== '.' && text !== '..');
const address = fc.record({
  bucket: bucketName,
  prefix: fc.array(segment, { maxLength: 4 }).map((parts) => parts.join('/')),
});
const anySettings: fc.Arbitrary<Settings> = fc
  .record({
    bucket: address,
    endpoint: fc.constantFrom(
      undefined,
      'https://s3.example.org',
      'http://[::1]:9000/a;b&c',
      'http://h/$(x)|y!',
      'https://{bucket}.h/p',
    ),
    region: fc.constantFrom(undefined, 'us-east-1', 'garage'),
    anonymous: fc.boolean(),
    owner: fc.constantFrom(undefined, '123456789012'),
    role: name,
    state: address,
    settleMs: fc.integer({ min: 0, max: 3_600_000 }),
    agent: fc.stringMatching(/^[0-9a-f]{64}$/),
  })
  .filter(({ bucket, state }) => bucket.bucket !== state.bucket || bucket.prefix !== state.prefix);

describe('render and parse', () => {
  test('are each other’s inverse, and pure ASCII that ends no comment', () => {
    fc.assert(
      fc.property(anySettings, (settings) => {
        const text = renderSettings(settings);
        expect(parseSettings(text.split('\n'))).toEqual({ ok: true, settings });
        expect(text).toMatch(/^(HAULOUT_[A-Z]+=[ -~]+\n)+$/);
        expect(text).not.toContain('*');
      }),
    );
  });

  test('the launcher reads what the desk wrote', () => {
    fc.assert(
      fc.property(anySettings, (settings) => {
        const own = ownSettings(`#!/bin/sh\n${renderSettings(settings)}set -u\n: <<'X'\n`);
        const { state, endpoint, region, anonymous, owner, role, agent } = settings;
        expect(own).toEqual({ state, endpoint, region, anonymous, owner, role, agent, all: settingsRecord(settings) });
      }),
    );
  });

  test.each(SHELLS.map((shell) => [shell.join(' '), shell] as const))(
    '%s assigns exactly the values',
    (_name, [shell, ...options]) => {
      fc.assert(
        fc.property(anySettings, (settings) => {
          const values = settingsRecord(settings);
          const echo = Object.keys(values).map((name) => `"$${name}"`);
          const script = `${renderSettings(settings)}printf '%s\\n' ${echo.join(' ')}\n`;
          const ran = spawnSync(shell, [...options, '-c', script], {
            encoding: 'utf8',
            env: { PATH: '/nonexistent' },
            // bash takes a socket there for a remote login, and reads the start files of the person.
            stdio: ['ignore', 'pipe', 'pipe'],
          });
          expect(ran.stderr).toBe('');
          expect(ran.stdout).toBe(
            Object.values(values)
              .map((value) => `${value}\n`)
              .join(''),
          );
        }),
        { numRuns: 60 },
      );
    },
  );
});

test('lines of any kind never throw', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `HAULOUT_ROLE=${text}`),
        ),
      ),
      (lines) => {
        const result = parseSettings(lines);
        expect(result.ok || result.troubles.length > 0).toBe(true);
      },
    ),
  );
});
