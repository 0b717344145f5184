import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { command, describeWith } from '../support/needs.ts';
import { eventually, put, scratch } from '../support/scratch.ts';

const bucket = fileURLToPath(new URL('../../buckets/payroll', import.meta.url));
const library = join(bucket, 'services/payroll/lib');
const HOURS = join(bucket, 'root/srv/payroll/hours.csv');
const RATES = join(bucket, 'root/srv/payroll/rates.ini');

describeWith([command('python3', 'python3')], 'the payroll', () => {
  const check = (hours: string, rates: string) => {
    const words = ['-B', 'server.py', '--check', hours, rates];
    const { status, stderr } = spawnSync('/usr/bin/python3', words, { cwd: library, encoding: 'utf8' });
    return { status, stderr };
  };
  /** Each slip as `name pay net`. */
  const slips = (hours: string, rates: string) => {
    const code = `
import sys
from pathlib import Path
from payroll import read_rates, read_slips
for slip in read_slips(Path(sys.argv[1]), read_rates(Path(sys.argv[2]))):
    print(slip.name, slip.pay, *(amount for _, amount in slip.deductions), slip.net)`;
    return spawnSync('/usr/bin/python3', ['-B', '-c', code, hours, rates], { cwd: library, encoding: 'utf8' }).stdout;
  };

  test('of the sample is right to the cent', () => {
    // 160 * 34.50 = 5520.00; 21 % of 4420 = 928.20; 7.3 % = 402.96; 9.3 % = 513.36.
    expect(slips(HOURS, RATES).split('\n')[0]).toBe('Odo Rosmarus 5520.00 928.20 402.96 513.36 3675.48');
  });

  test('rounds half a cent up, line by line, and takes nothing off what is below the limit', () => {
    const here = scratch();
    const hours = put(join(here, 'hours.csv'), 'name,post,hours,rate\n"Rosmarus, Odo",pilot,0.5,0.01\nB,p,1,100.05\n');
    const rates = put(
      join(here, 'rates.ini'),
      '[payroll]\nemployer=H\nmonth=M\ncurrency=C\n[deductions]\na = 10 %\nb = 50 % above 200\n',
    );
    expect(slips(hours, rates)).toBe('Rosmarus, Odo 0.01 0.00 0.00 0.01\nB 100.05 10.01 0.00 90.04\n');
  });

  test('names all mistakes of a file at once, with their places, and no amount', () => {
    const here = scratch();
    const hours = put(
      join(here, 'hours.csv'),
      'name,post,hours,rate\nA,p,NaN,12\nB,p,99999,-7\n,p,1,1\nC,p\nD,p,1e400,Infinity\n',
    );
    expect(check(hours, RATES)).toEqual({
      status: 78,
      stderr: `${[
        `${hours}:2: hours must be a number from 0 to 744`,
        `${hours}:3: hours must be a number from 0 to 744`,
        `${hours}:3: rate must be a number from 0 to 10000`,
        `${hours}:4: write name,post,hours,rate, and a name`,
        `${hours}:5: write name,post,hours,rate, and a name`,
        `${hours}:6: hours must be a number from 0 to 744`,
        `${hours}:6: rate must be a number from 0 to 10000`,
      ].join('\n')}\n`,
    });
    const rates = put(join(here, 'rates.ini'), '[payroll]\nmonth = M\n[deductions]\ntax = lots\n');
    expect(check(HOURS, rates)).toEqual({
      status: 78,
      stderr: `${[
        `${rates}: [payroll] has no employer`,
        `${rates}: [payroll] has no currency`,
        `${rates}: tax is no deduction: write 7.3 %, or 21 % above 1100`,
      ].join('\n')}\n`,
    });
  });

  test.each([
    ['nothing', ''],
    ['no header', 'A,p,1,1\n'],
    ['bytes', '\0\u{ff}\n'],
    ['a quote without end', 'name,post,hours,rate\n"A,p,1,1\n'],
  ])('refuses %s', (_, text) => {
    const hours = put(join(scratch(), 'hours.csv'), Buffer.from(text, 'latin1'));
    const { status, stderr } = check(hours, RATES);
    expect(status).toBe(78);
    expect(stderr).toContain(hours);
    expect(stderr).not.toContain('Traceback');
  });

  test('shows names as text, and when drained says so to who asks for its health, while it serves on', async () => {
    const hours = put(join(scratch(), 'hours.csv'), 'name,post,hours,rate\n<script>,<b>,1,1\n');
    const port = 20_000 + (process.pid % 10_000);
    const words = ['-B', 'server.py', '--port', String(port), hours, RATES];
    const server = spawn('/usr/bin/python3', words, { cwd: library, stdio: 'ignore' });
    const ask = async (path: string) => await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
    try {
      expect(await eventually(async () => (await ask('/health'))?.status === 200, 10_000)).toBe(true);
      expect(await (await ask('/'))!.text()).toContain('<td>&lt;script&gt;<small>&lt;b&gt;</small></td>');
      expect(await (await ask('/metrics'))!.text()).toMatch(/^load1 \d+\.\d\d\nrequests_total [1-9]\d*\n$/);
      server.kill('SIGUSR1');
      expect(await eventually(async () => (await ask('/health'))?.status === 503, 5_000)).toBe(true);
      expect((await ask('/'))?.status).toBe(200);
    } finally {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
  }, 30_000);
});
