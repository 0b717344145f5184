import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exposition } from '../../src/cli/fleet/exposition.ts';
import { type Metric, parseExposition } from '../support/exposition.ts';
import { type FleetStore, fleetStore, KINDS, NEW, NOW, OLD } from '../support/fleet.ts';
import { command, describeWith } from '../support/needs.ts';
import { scratch } from '../support/scratch.ts';
import { SEED } from '../support/seeded.ts';

const FLEET = 's3://my-bucket';
const DEGRADED = { instance: 'i-0de9bad0000000003', role: 'planet' };

describe('haulout fleet metrics', () => {
  let store: FleetStore;
  let text: string;
  let metrics: readonly Metric[];
  beforeAll(async () => {
    store = await fleetStore();
    await store.put('planet/readme.txt', 'x');
    text = (await store.run('fleet', 'metrics', FLEET)).stdout;
    metrics = parseExposition(text);
  });
  afterAll(() => store.close());

  const samples = (name: string) => metrics.find((metric) => metric.name === name)?.samples ?? [];
  const of = (name: string) => samples(name).find(({ labels }) => labels['instance'] === DEGRADED.instance);

  it('are gauges, each with a word of help', () => {
    expect(metrics.map(({ name }) => name)).toEqual([
      'haulout_instances',
      'haulout_instance_healthy',
      'haulout_instance_last_sync_timestamp_seconds',
      'haulout_instance_sync_duration_seconds',
      'haulout_instance_seen_timestamp_seconds',
      'haulout_instance_lease_expiry_timestamp_seconds',
      'haulout_instance_boot_timestamp_seconds',
      'haulout_instance_content_info',
      'haulout_unreadable_statuses',
      'haulout_fleet_read_timestamp_seconds',
    ]);
    for (const { type, help } of metrics) expect([type, help]).toEqual(['gauge', expect.stringMatching(/\.$/)]);
  });

  it('count by role and health, also those that there are none of', () => {
    const count = (role: string, health: string) =>
      samples('haulout_instances').find(({ labels }) => labels['role'] === role && labels['health'] === health)?.value;
    expect(
      ['lost', 'failed', 'degraded', 'draining', 'converging', 'healthy', 'ended'].map((health) =>
        count('planet', health),
      ),
    ).toEqual([1, 1, 1, 1, 1, 1, 1]);
    expect([count('db', 'healthy'), count('db', 'lost')]).toEqual([1, 0]);
    expect(samples('haulout_unreadable_statuses')).toEqual([{ labels: {}, value: 1 }]);
  });

  it('say of each instance that has not said goodbye how it is', () => {
    const healthy = samples('haulout_instance_healthy');
    expect(healthy.filter(({ value }) => value === 1)).toHaveLength(2);
    expect(healthy).toHaveLength(KINDS.length - 1);
    expect(of('haulout_instance_healthy')).toEqual({ labels: DEGRADED, value: 0 });
    expect(of('haulout_instance_last_sync_timestamp_seconds')?.value).toBe((NOW - 30_000) / 1_000);
    expect(of('haulout_instance_sync_duration_seconds')?.value).toBe(6.42);
    expect(of('haulout_instance_seen_timestamp_seconds')?.value).toBe((NOW - 27_000) / 1_000);
    expect(of('haulout_instance_lease_expiry_timestamp_seconds')?.value).toBe((NOW + 600_000) / 1_000);
    expect(of('haulout_instance_content_info')).toEqual({
      labels: { ...DEGRADED, active: OLD, wanted: NEW, set_aside: NEW },
      value: 1,
    });
    expect(samples('haulout_fleet_read_timestamp_seconds')).toEqual([{ labels: {}, value: NOW / 1_000 }]);
  });

  it('are written whole into a file for a collector', async () => {
    const directory = scratch();
    const { code, stdout } = await store.run('fleet', 'metrics', FLEET, '--out', join(directory, 'haulout.prom'));
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(readdirSync(directory)).toEqual(['haulout.prom']);
    expect(readFileSync(join(directory, 'haulout.prom'), 'utf8')).toBe(text);
  });

  it('of an empty fleet are those that need nobody', async () => {
    const { stdout } = await store.run('fleet', 'metrics', 's3://bkt');
    expect(parseExposition(stdout).map(({ name }) => name)).toEqual([
      'haulout_unreadable_statuses',
      'haulout_fleet_read_timestamp_seconds',
    ]);
  });

  describeWith([command('promtool', 'prometheus')], 'by its own program', () => {
    it('are what Prometheus reads', () => {
      const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    });
  });
});

it(`any text can be a label's value or a help, and is read again as it was (seed ${SEED})`, () => {
  const part = fc.oneof(
    fc.constantFrom('\\', '"', '\n', '{', '}', ',', '\\n', '#', ' '),
    fc.string({ unit: 'binary' }),
  );
  const word = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(''));
  const property = fc.property(word, word, (value, help) => {
    const labels = { value };
    const [metric] = parseExposition(exposition([{ name: 'a_b', help, samples: [{ labels, value: 1 }] }]));
    expect(metric!.samples).toEqual([{ labels, value: 1 }]);
    expect(metric!.help.replace(/\\(.)/gs, (_, sign: string) => (sign === 'n' ? '\n' : sign))).toBe(help);
  });
  fc.assert(property, { seed: SEED, numRuns: 500 });
});

it.each([
  ['no end', 'a 1'],
  ['a sample twice', 'a{b="c"} 1\na{b="c"} 2\n'],
  ['a label twice', 'a{b="c",b="d"} 1\n'],
  ['a metric in two places', 'a 1\nb 1\na{c="d"} 1\n'],
  ['HELP after a sample', 'a 1\n# HELP a b\n'],
  ['two types', '# TYPE a gauge\n# TYPE a gauge\n'],
  ['a quote that is not escaped', 'a{b="c"d"} 1\n'],
  ['no number', 'a one\n'],
  ['a name that is none', '1a 1\n'],
])('the reader of these tests refuses %s', (_what, text) => {
  expect(() => parseExposition(text)).toThrow();
});
