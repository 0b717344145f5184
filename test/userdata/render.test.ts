import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { formatUserdata } from '../../src/userdata/formats.ts';
import { buildLauncher } from '../../src/userdata/launcher/build.mjs';
import { PLATFORMS } from '../../src/userdata/platforms.ts';
import { measure, renderUserdata } from '../../src/userdata/render.ts';
import type { Settings } from '../../src/userdata/settings.ts';
import { command, describeWith } from '../support/needs.ts';

const SETTINGS: Settings = {
  bucket: { bucket: 'planet-production-eu', prefix: 'envs/production/planet' },
  endpoint: 'https://objects.internal.example.org:8773/services/objectstorage',
  region: 'eu-central-1',
  anonymous: true,
  owner: '123456789012',
  role: 'planet-web',
  state: { bucket: 'planet-production-eu', prefix: 'haulout/state' },
  settleMs: 10_000,
  agent: '0123456789abcdef'.repeat(4),
  runtimes: { x64: '0123456789abcdef'.repeat(4), arm64: 'fedcba9876543210'.repeat(4) },
};
const LIMIT = PLATFORMS[0]!.limit;
const TEMPLATE = await buildLauncher();
const SCRIPT = renderUserdata(TEMPLATE, SETTINGS);

test('the script with every setting in it fits, with room to spare', () => {
  const { bytes, headroom, fits, limit } = measure(SCRIPT, LIMIT);
  expect({ fits, limit, sum: bytes + headroom }).toEqual({ fits: true, limit: LIMIT, sum: 16_380 });
  expect(bytes).toBe(Buffer.byteLength(SCRIPT));
  expect(headroom).toBeGreaterThan(250);
});

test.each([
  [16_380, true],
  [16_381, false],
])('%i bytes fit: %s', (bytes, fits) => {
  expect(measure('x'.repeat(bytes), LIMIT)).toEqual({ bytes, limit: LIMIT, headroom: LIMIT - bytes, fits });
});

test('the script is what every platform takes for a shell script', () => {
  expect(SCRIPT).toMatch(/^#!\/bin\/sh\n[\n\x20-\x7e]*\}\n$/);
  expect(SCRIPT.toLowerCase()).not.toContain('mime-version:');
  expect(SCRIPT).not.toContain('#HAULOUT_SETTINGS');
  expect(SCRIPT.split('\n').slice(4, 6)).toEqual([
    'HAULOUT_BUCKET=s3://planet-production-eu/envs/production/planet',
    'HAULOUT_ENDPOINT=https://objects.internal.example.org:8773/services/objectstorage',
  ]);
});

test('the build is the same each time', async () => {
  expect(await buildLauncher()).toBe(TEMPLATE);
});

test.each([['no place'], ['x\n#HAULOUT_SETTINGS\ny\n#HAULOUT_SETTINGS\nz']])(
  'a template with %j is refused',
  (template) => {
    expect(() => renderUserdata(template, SETTINGS)).toThrow(/places for settings/);
  },
);

test('settings that look like replacement patterns stay as they are', () => {
  const odd = { ...SETTINGS, bucket: { bucket: 'planet', prefix: 'a/$&$1$$/p' } };
  expect(renderUserdata(TEMPLATE, odd)).toContain("\nHAULOUT_BUCKET='s3://planet/a/$&$1$$/p'\n");
});

test('raw is the script', () => {
  expect(formatUserdata(SCRIPT, 'raw').toString()).toBe(SCRIPT);
});

test('gzip unpacks to the script, carries no time, and is the same each time', () => {
  const packed = formatUserdata(SCRIPT, 'gzip');
  expect(gunzipSync(packed).toString()).toBe(SCRIPT);
  expect([...packed.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
  expect(formatUserdata(SCRIPT, 'gzip')).toEqual(packed);
});

test('mime is ASCII, and one part between two boundaries', () => {
  const text = formatUserdata(SCRIPT, 'mime').toString();
  expect(text).toMatch(/^[\n\x20-\x7e]*$/);
  const boundary = /boundary="([^"]+)"/.exec(text)![1]!;
  const parts = text.split(`--${boundary}`);
  expect(parts).toHaveLength(3);
  expect(parts[1]!.slice(parts[1]!.indexOf('\n\n') + 2)).toBe(`${SCRIPT}\n`);
  expect(measure(text, LIMIT).fits).toBe(true);
});

describeWith([command('python3', 'python3')], 'mime as the mail parser of cloud-init reads it', () => {
  const PYTHON = `
import email, json, sys
message = email.message_from_binary_file(sys.stdin.buffer)
print(json.dumps([[p.get_content_type(), p.get_filename(), p.get_payload(decode=True).decode('ascii')]
  for p in message.walk() if not p.is_multipart()] + [message.get_content_type(), [str(d) for d in message.defects]]))
`;
  test('one shell script named bootstrap.js, its bytes as they were', () => {
    const ran = spawnSync('python3', ['-c', PYTHON], { input: formatUserdata(SCRIPT, 'mime'), encoding: 'utf8' });
    expect(JSON.parse(ran.stdout)).toEqual([['text/x-shellscript', 'bootstrap.js', SCRIPT], 'multipart/mixed', []]);
  });
});

test('the whole script is one command to every shell: sh -n accepts it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'haulout-render-'));
  writeFileSync(join(directory, 'X'), SCRIPT);
  const shells = [['/bin/dash'], ['/bin/bash', '--posix'], ['/bin/busybox', 'sh']] as const;
  for (const [shell, ...options] of shells)
    expect(spawnSync(shell, [...options, '-n', join(directory, 'X')]).status).toBe(0);
  rmSync(directory, { recursive: true });
});
