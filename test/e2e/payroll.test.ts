import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Machine } from '../../src/cloud/local.ts';
import { chromiumNeed, visit } from '../support/browser.ts';
import { MACHINE_NEEDS } from '../support/machines.ts';
import { describeWith, skippedAloud } from '../support/needs.ts';
import { testDirectory } from '../support/role-files.ts';
import { Roles } from '../support/roles.ts';
import { eventually } from '../support/scratch.ts';

const BUCKETS = fileURLToPath(new URL('../../buckets', import.meta.url));

interface Host {
  readonly id: string;
  readonly role: string;
  readonly address: string;
  readonly state: 'up' | 'silent' | 'left';
  readonly trouble: string | null;
}

/** The story of buckets/payroll: machines whose names nobody knows announce themselves at a monitor, which draws them. */
describeWith(MACHINE_NEEDS, 'a payroll, and the monitor that it announces itself at', () => {
  const screenshots = process.env['HAULOUT_KEEP_SCREENSHOTS'] ?? testDirectory();
  let roles: Roles;
  let monitor: Machine;
  let page: string;
  let payrolls: Machine[];

  beforeAll(async () => {
    roles = await Roles.open();
    for (const name of ['monitor', 'payroll']) {
      cpSync(join(BUCKETS, name), roles.directory(name), { recursive: true });
      // The machine is a copy of this one: how long its packages take to upgrade is not what is tested.
      roles.edit(`${name}/haulout.ini`, (text) =>
        text.replace(/^upgrade .*\n/m, '').replace('[haulout]\n', '[haulout]\nupgrade = never\n'),
      );
    }
    [monitor] = await roles.launch('monitor');
    page = (await monitor.publish(8080)).url;
  }, 240_000);
  afterAll(() => roles?.close(), 60_000);

  const get = async (path: string) => await fetch(page + path, { signal: AbortSignal.timeout(10_000) });
  const hosts = async () => (await (await get('hosts.json')).json()) as Host[];
  const host = async ({ instanceId }: Machine) => (await hosts()).find(({ id }) => id === instanceId);
  const becomes = (machine: Machine, state: Host['state']) =>
    eventually(async () => (await host(machine))?.state === state, 60_000);

  it('begins with a monitor that watches itself', async () => {
    expect(await hosts()).toMatchObject([{ id: monitor.instanceId, role: 'monitor', address: monitor.address }]);
    expect(await becomes(monitor, 'up')).toBe(true);
  }, 60_000);

  it('announces every machine of the role, by the lines of its own haulout.ini', async () => {
    roles.edit('payroll/haulout.ini', (text) =>
      text.replace(/^; (?=\[register|up |down |renew )/gm, '').replaceAll('10.77.0.10', monitor.address),
    );
    payrolls = await roles.launch('payroll', '--count', '2');
    expect(payrolls).toHaveLength(2);
    for (const machine of payrolls) {
      expect(await host(machine)).toMatchObject({ role: 'payroll', address: machine.address });
      expect(await becomes(machine, 'up')).toBe(true);
    }
    const { url } = await payrolls[0]!.publish(80);
    const clerk = `Basic ${Buffer.from('clerk:harbour').toString('base64')}`;
    expect((await fetch(url)).status).toBe(401);
    expect(await (await fetch(url, { headers: { authorization: clerk } })).text()).toContain('<td>17,564.51</td>');
  }, 240_000);

  it('draws what the machines answer', async () => {
    const [first] = payrolls;
    const kept = ['rrdtool', 'fetch', `/srv/monitor/drawings/${first!.instanceId}.rrd`, 'AVERAGE', '--start', '-60'];
    // Numbers, not gaps: load, requests a second (a tenth of one at least: the monitor's own), milliseconds.
    const drawn = async () => /^\d+: \d\S+ [1-9]\S+ [1-9]\S+$/m.test((await monitor.exec(kept)).stdout);
    expect(await eventually(drawn, 60_000)).toBe(true);
    for (const skin of ['day', 'night']) {
      const png = await get(`drawings/${first!.instanceId}/answer.png?span=15min&skin=${skin}`);
      expect(png.headers.get('content-type')).toBe('image/png');
      expect(
        Buffer.from(await png.arrayBuffer())
          .subarray(1, 4)
          .toString(),
      ).toBe('PNG');
    }
  }, 90_000);

  it.skipIf(skippedAloud('a look with a browser', [chromiumNeed]))(
    'looks well in a browser',
    async () => {
      for (const colorScheme of ['light', 'dark'] as const) {
        const how = { width: 1100, height: 1000, colorScheme };
        await visit(page, how, async ({ page: seen, complaints }) => {
          await seen.waitForLoadState('networkidle');
          const widths = await seen
            .locator('img')
            .evaluateAll((images) => images.map((image) => (image as { naturalWidth?: number }).naturalWidth));
          expect(widths).toEqual(Array(9).fill(480));
          expect(complaints.filter((complaint) => !complaint.startsWith(`${page}drawings/`))).toEqual([]);
          await seen.screenshot({ path: join(screenshots, `${colorScheme}.png`) });
        });
      }
    },
    60_000,
  );

  it('lets a machine speak for itself alone', async () => {
    const [first, second] = payrolls as [Machine, Machine];
    const place = `http://${monitor.address}:8080/hosts/payroll/${second.instanceId}`;
    const say = async (...words: string[]) => (await first.exec(['curl', '-sS', ...words])).stdout;
    expect(await say('-X', 'PUT', `${place}/${second.address}:80`)).toContain('a host announces itself');
    expect(await say('-X', 'PUT', `${place}/${first.address}:80`)).toContain(`answers at ${second.address}`);
    expect(await say('-X', 'DELETE', place)).toContain('a host takes itself out');
    expect(await host(second)).toMatchObject({ address: second.address, state: 'up' });
  }, 60_000);

  it('keeps its hosts over an upgrade of the monitor', async () => {
    roles.edit('monitor/haulout.ini', (text) => text.replace('title = Harbour watch', 'title = Night watch'));
    await roles.push('monitor', '--timeout', '90s');
    expect(await (await get('')).text()).toContain('<h1>Night watch</h1>');
    expect(await hosts()).toHaveLength(3);
  }, 120_000);

  it('is left by all on a positive word, and found again', async () => {
    roles.edit('payroll/haulout.ini', (text) => `${text}state = absent\n`);
    await roles.push('payroll', '--timeout', '90s');
    for (const machine of payrolls) expect(await host(machine)).toMatchObject({ state: 'left', trouble: null });
    roles.edit('payroll/haulout.ini', (text) => text.replace('state = absent\n', ''));
    await roles.push('payroll', '--timeout', '90s');
    for (const machine of payrolls) expect(await becomes(machine, 'up')).toBe(true);
  }, 240_000);

  it('sees who leaves, and who is lost', async () => {
    const [first, second] = payrolls as [Machine, Machine];
    await first.exec(['haulout', 'shutdown', '--within', '20s'], { timeoutMs: 40_000 });
    expect(await host(first)).toMatchObject({ state: 'left', trouble: null });
    await second.terminate(); // pulls the plug
    expect(await becomes(second, 'silent')).toBe(true);
    const html = await (await get('')).text();
    expect(html).toContain('1 up, 1 silent, 1 left');
    expect(html).toMatch(/no answer since \d\d:\d\d:\d\d: \S/);
  }, 120_000);
});
