import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pathsUnder } from '../../src/agent/paths.ts';
import { readSettings, writeSettings } from '../../src/agent/settings-file.ts';
import type { Settings } from '../../src/userdata/settings.ts';
import { put, scratch } from '../support/scratch.ts';

const plain: Settings = {
  bucket: { bucket: 'planet-bucket', prefix: 'roles/web' },
  endpoint: undefined,
  region: undefined,
  anonymous: false,
  role: 'web',
  state: { bucket: 'planet-bucket', prefix: '.haulout' },
  settleMs: 5_000,
  agent: 'a'.repeat(64),
};
const other: Settings = {
  bucket: { bucket: 'planet-bucket', prefix: '' },
  endpoint: 'https://walrus.example:8773/services/Walrus',
  region: 'eu-central-1',
  anonymous: true,
  role: 'planet.one',
  state: { bucket: 'elsewhere', prefix: 'deep/state' },
  settleMs: 1_500,
  agent: 'b'.repeat(64),
};

it.each([
  ['defaults', plain],
  ['everything', other],
])('settings with %s come back as they were written', async (_what, settings) => {
  const paths = pathsUnder(scratch());
  await writeSettings(paths, settings);
  expect(await readSettings(paths)).toEqual(settings);
  expect(statSync(join(paths.state, 'settings')).mode & 0o777).toBe(0o600);
});

const DAMAGE: Record<string, (path: string) => unknown> = {
  missing: () => undefined,
  empty: (path) => put(path, ''),
  'cut in the middle': (path) => put(path, 'HAULOUT_BUCKET=s3://planet-buc'),
  noise: (path) => put(path, Buffer.from([0, 255, 10, 61, 61, 10, 200])),
  'a directory': (path) => mkdirSync(join(path, 'x'), { recursive: true }),
  'a pipe': (path) => spawnSync('mkfifo', [path]),
  'a link to another file': (path) => symlinkSync('/etc/passwd', path),
  'a device without end': (path) => symlinkSync('/dev/zero', path),
  'huge and hollow': (path) => truncateSync(put(path, ''), 64 * 1024 ** 3),
  'with a setting that does not exist': (path) =>
    put(path, `HAULOUT_BUCKET=s3://a/b\nHAULOUT_AGENT=${'a'.repeat(64)}\n__proto__=x\n`),
};

it.each(Object.keys(DAMAGE))('settings that are %s: said, and running user-data again mends them', async (kind) => {
  const paths = pathsUnder(scratch());
  const path = join(paths.state, 'settings');
  await writeSettings(paths, plain);
  rmSync(path);
  DAMAGE[kind]!(path);
  await expect(readSettings(paths)).rejects.toMatchObject({ code: 'settings-lost', subject: path });
  await writeSettings(paths, other);
  expect(await readSettings(paths)).toEqual(other);
  expect(readFileSync('/etc/passwd', 'utf8')).toContain('root:');
});
