import { randomBytes } from 'node:crypto';
import { accessSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { buildLauncher } from '../../src/userdata/launcher/build.mjs';
import { renderUserdata } from '../../src/userdata/render.ts';
import type { Settings } from '../../src/userdata/settings.ts';
import { allCuts, checkCuts, controlRun, READERS, someCuts } from '../support/truncation.ts';

const SEED = 20_261_120;
const SAMPLE = 300;
const TAIL = 200;
const LIMIT_MS = 1_800_000;

const template = await buildLauncher();
const settings: Settings = {
  bucket: { bucket: 'planet-example', prefix: 'envs/prod/planet' },
  endpoint: undefined,
  region: undefined,
  anonymous: false,
  role: 'planet',
  state: { bucket: 'planet-example', prefix: '.haulout' },
  settleMs: 5_000,
  agent: '0123456789abcdef'.repeat(4),
};
const script = renderUserdata(template, settings);
const withAgent = renderUserdata(template, settings, randomBytes(150_000));
const cuts = process.env['FULL'] === '1' ? allCuts(script) : someCuts(script, SEED, SAMPLE, TAIL);

const present = (path: string) => {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
};

describe.each(READERS.map((reader) => [reader.name, reader] as const))('%s', (_name, reader) => {
  const it = test.skipIf(!present(reader.argv[0]));
  it('runs nothing of a copy that was cut short', { timeout: LIMIT_MS }, async () => {
    const { runs, violations } = await checkCuts(script, reader, cuts, 2);
    expect(violations).toEqual([]);
    expect(runs).toBe(cuts.length);
  });

  it('runs nothing of a copy with its agent in it that was cut short', { timeout: LIMIT_MS }, async () => {
    const sample = someCuts(withAgent, SEED, SAMPLE / 10, TAIL / 10);
    expect(await checkCuts(withAgent, reader, sample, 2)).toEqual({ runs: sample.length, violations: [] });
  });

  it('runs the whole one: the trap does catch', async () => {
    expect(await controlRun(script, reader)).toContain('asked for metadata');
  });

  it('would be caught running a script that is not wrapped', { timeout: LIMIT_MS }, async () => {
    const bare = reader.name === 'node' ? 'require("fs").mkdirSync("made")\nlater()\n' : 'mkdir made\nlater\n';
    const { violations } = await checkCuts(bare, reader, allCuts(bare), 1);
    expect(violations.length).toBeGreaterThan(0);
  });
});

test('the sample is the same each time, holds the tail and nothing whole', () => {
  const sample = someCuts(script, SEED, SAMPLE, TAIL);
  expect(sample).toEqual(someCuts(script, SEED, SAMPLE, TAIL));
  expect(sample).toHaveLength(SAMPLE + TAIL);
  expect(script.slice(0, sample.at(-1)!)).toBe(script.slice(0, script.trimEnd().length - 1));
});
