import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command, describeWith, type Need, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';
import { eventually } from '../support/scratch.ts';

const JOURNALD = '/usr/lib/systemd/systemd-journald';
const journald: Need = { name: JOURNALD, met: existsSync(JOURNALD), get: 'apt-get install systemd' };

/** Of systemd this machine has the journal alone, and the socket by which its manager is known. */
const BEGIN = `od -An -tx1 -N16 /dev/urandom | tr -d ' \\n' > /etc/machine-id
mkdir -p /run/systemd/journal /run/systemd/private
setsid ${JOURNALD} > /dev/null 2>&1 &`;

describeWith([root, journald, command('logger', 'bsdutils')], 'a machine with a journal', () => {
  let role: RoleUnderTest;
  beforeAll(async () => {
    role = await RoleUnderTest.boot({ 'haulout.ini': '[haulout]\nversion = 1\n' });
    await role.exec(BEGIN);
    expect(
      await eventually(async () => (await role.exec('test -S /run/systemd/journal/socket')).code === 0, 10_000),
    ).toBe(true);
  }, 120_000);
  afterAll(() => role?.close());

  const said = (unit: string, words: string) =>
    role.exec(`printf 'MESSAGE=${words}\\nOBJECT_SYSTEMD_UNIT=${unit}.service\\n' | logger --journald`);

  it('says where to look as long as the agent has said nothing', async () => {
    await said('nginx', 'not ours');
    const { code, stdout, output } = await role.exec('haulout logs');
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(output).toContain('the agent has said nothing here. next: ');
  });

  it('shows what the agent said to it: so many lines, and nobody else', async () => {
    for (const words of ['one', 'two', 'three']) await said('haulout', `the agent says ${words}`);
    const last = async (line: string) => (await role.exec(line)).stdout.match(/the agent says \w+|not ours/g);
    const all = ['the agent says one', 'the agent says two', 'the agent says three'];
    expect(await eventually(async () => (await last('haulout logs'))?.length === 3, 10_000)).toBe(true);
    expect(await last('haulout logs')).toEqual(all);
    expect(await last('haulout logs -n 2')).toEqual(all.slice(1));
  });
});
