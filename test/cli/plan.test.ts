import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { factsFor, freshMachine, snapshotOf } from '../../src/cli/plan-facts.ts';
import { readRoleDirectory } from '../../src/cli/role-directory.ts';
import { activated, emptyLedger } from '../../src/ledger/ledger.ts';
import { makePlan } from '../../src/plan/plan.ts';
import { parseSpec } from '../../src/spec/parse.ts';
import { haulout } from '../support/cli.ts';
import { testDirectory, writeRole } from '../support/role-files.ts';
import { CLI } from '../support/try.ts';

const PLANET = fileURLToPath(new URL('../../buckets/planet', import.meta.url));

interface Planned {
  readonly schema: number;
  readonly instance: string;
  readonly digest: string;
  readonly steps: readonly { readonly do: string; readonly subject: string; readonly why: string }[];
}

describe('haulout plan', () => {
  const directory = testDirectory();

  it('lists the steps of a fresh instance in their order, each with a reason', async () => {
    const { code, stdout, stderr } = await haulout(['plan', PLANET]);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    const kinds = lines.map((line) => (/^(make|write|link) /.test(line) ? 'files' : line.split(' ')[0]));
    const order = kinds.filter((kind, index) => kind !== kinds[index - 1]);
    expect(order).toEqual(['upgrade', 'install', 'files', 'activate', 'schedule']);
    for (const line of lines) expect(line).toMatch(/^\w+ +\w+:\S+ +\S/);
    expect(stdout).toContain('install   package:nginx');
    expect(stderr).toMatch(
      new RegExp(`^haulout: a fresh instance: ${lines.length} steps \\(content [0-9a-f]{12}\\)\n$`),
    );
  });

  it('says the same as JSON, and with --exit-code that there is something to do', async () => {
    const { code, stdout, stderr } = await haulout(['plan', PLANET, '--json', '--exit-code']);
    expect({ code, stderr }).toMatchObject({ code: 2 });
    const { schema, instance, digest, steps } = JSON.parse(stdout) as Planned;
    expect({ schema, instance }).toEqual({ schema: 1, instance: 'a fresh instance' });
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(steps.at(-1)).toMatchObject({ do: 'schedule-job', subject: 'job:refresh' });
    expect(steps.every(({ subject, why }) => subject.includes(':') && why !== '')).toBe(true);
  });

  it('is the same for the same content, and another for another', async () => {
    const role = writeRole(join(directory, 'role'), { 'haulout.ini': '[haulout]\nversion = 1\n', 'root/etc/a': 'a' });
    const planned = async () => JSON.parse((await haulout(['plan', role, '--json'])).stdout) as Planned;
    const before = await planned();
    expect(await planned()).toEqual(before);
    writeFileSync(join(role, 'root/etc/a'), 'b');
    const after = await planned();
    expect(after.digest).not.toBe(before.digest);
    expect(after.steps.map(({ subject }) => subject)).toEqual(before.steps.map(({ subject }) => subject));
  });

  it('ends 0 with --exit-code when there is nothing to do', async () => {
    const role = writeRole(join(directory, 'idle'), { 'haulout.ini': '[haulout]\nversion = 1\nupgrade = never\n' });
    const { code, stdout, stderr } = await haulout(['plan', role, '--exit-code']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('a fresh instance: nothing to do');
  });

  it('shows the mistakes of a broken spec instead, and ends 78', async () => {
    const role = writeRole(join(directory, 'broken'), { 'haulout.ini': '[haulout]\nversion = 1\n[packags]\n' });
    const text = await haulout(['plan', role]);
    expect(text.code).toBe(78);
    expect(text.stdout).toMatch(/^haulout\.ini:3:1: /);
    const json = await haulout(['plan', role, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ schema: 1, findings: [{ line: 3, column: 1 }] });
  });

  it('does not show that a machine says once more where it is: that goes by its own clock', async () => {
    const section = '[register.a]\nup = true\nrenew = 1m\n';
    const ini = `[haulout]\nversion = 1\nupgrade = never\n${section}`;
    const role = await readRoleDirectory(writeRole(join(directory, 'renewed'), { 'haulout.ini': ini }));
    const read = parseSpec(ini);
    if (!read.ok) throw new Error('it is no spec');
    const snapshot = await snapshotOf(role);
    const facts = await factsFor(role, read.spec, snapshot, freshMachine);
    const announced = { user: 'nobody', timeoutMs: 1, period: 1 };
    const record = { ...activated(facts.registrations['a']!), announced };
    const ledger = { ...emptyLedger('i-1'), subjects: { 'register:a': record } };
    expect(makePlan({ spec: read.spec, snapshot, facts, ledger, now: 0 }).steps).toEqual([]);
  });

  it.each([
    ['no state', ['--against', 'i-0123456789abcdef0'], /--state: it says where instances write/],
    [
      'an id of OpenStack, but no state',
      ['--against', '7f1b0c1e-58a5-4b1c-8f0a-2f4de2a1f001'],
      /--state: it says where/,
    ],
    ['a name that is no id', ['--against', 'web-1', '--state', 's3://b/.haulout'], /web-1: this is not an instance id/],
  ])('--against with %s is refused', async (_what, words, message) => {
    const { code, stderr } = await haulout(['plan', PLANET, ...words]);
    expect(code).toBe(64);
    expect(stderr).toMatch(message);
  });

  it.each([
    ['no credentials', { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' }, /there are no credentials .*\n.*next: give cred/],
    [
      'a store that does not answer',
      { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
      /\(ECONNREFUSED\)\n.*next: ask the doctor/,
    ],
  ])('--against with %s says that, and not that the facts are missing', async (_what, env, words) => {
    const flags = ['--against', 'i-0123456789abcdef0', '--state', 's3://bkt/.haulout'];
    const { code, stderr } = await haulout(['plan', PLANET, ...flags], { env });
    expect(code).toBe(69);
    expect(stderr).toMatch(words);
  });

  it('of more files than a process may have open is made all the same', () => {
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`root/srv/${index}`, `${index}\n`]));
    const role = writeRole(join(directory, 'many'), { 'haulout.ini': '[haulout]\nversion = 1\n', ...many });
    const few = ['-c', 'ulimit -n 128; exec "$0" "$@"', process.execPath, CLI, 'plan', role];
    const { stdout, stderr } = spawnSync('/bin/sh', few, { encoding: 'utf8', timeout: 60_000 });
    expect(
      stdout.split('\n').filter((line) => line.startsWith('write')),
      stderr,
    ).toHaveLength(1_000);
  }, 60_000);
});
