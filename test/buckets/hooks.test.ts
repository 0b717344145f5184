import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const buckets = fileURLToPath(new URL('../../buckets', import.meta.url));

/** By service: its hooks, which are all that is in bin/. */
const HOOKS = {
  'monitor/services/monitor': ['start', 'stop'],
  'payroll/services/payroll': ['configure', 'drain', 'start', 'stop'],
  'planet/services/planet': ['check', 'configure', 'refresh', 'start', 'stop'],
};

describe.each(Object.entries(HOOKS))('buckets/%s', (service, names) => {
  const bin = join(buckets, service, 'bin');

  test('every hook can be executed, here and in a fresh checkout', () => {
    expect(readdirSync(bin).sort()).toEqual(names);
    for (const name of names) {
      const path = join(bin, name);
      expect(readFileSync(path, 'utf8'), path).toMatch(/^#!\/bin\/sh\n# bin\//);
      expect(statSync(path).mode & 0o111, path).toBe(0o111);
    }
    const inGit = spawnSync('git', ['ls-files', '--stage', '--', bin], { cwd: buckets, encoding: 'utf8' });
    for (const line of (inGit.stdout ?? '').split('\n').filter(Boolean)) expect(line).toMatch(/^100755 /);
  });
});

test('lines end in LF alone', () => {
  const texts = readdirSync(buckets, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.png'))
    .map((entry) => join(entry.parentPath, entry.name));
  expect(texts.length).toBeGreaterThan(40);
  for (const path of texts) expect(readFileSync(path).includes('\r'), path).toBe(false);
});
