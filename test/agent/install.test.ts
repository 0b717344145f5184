import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandScript, goodbyeUnitFile, keeperScript, SCOPE_ORDER, unitFile } from '../../src/agent/install.ts';
import { command, describeWith, root } from '../support/needs.ts';
import { put, scratch } from '../support/scratch.ts';

const ODD = `it's "odd" $HOME %n (node)`;

/** A Node under an odd path, and an agent that says what it was called with. */
function oddMachine(odd = ODD): { node: string; agent: string; directory: string } {
  const directory = join(scratch(), odd);
  mkdirSync(directory);
  const node = join(directory, 'node');
  symlinkSync(process.execPath, node);
  const text = `import { appendFileSync } from 'node:fs';
const words = process.argv.slice(2);
appendFileSync(new URL('./calls', import.meta.url), words.join('|') + '\\n');
process.exitCode = words[1] ? Number(words[1]) : 0;
`;
  return { node, agent: put(join(directory, "agent's.mjs"), text), directory };
}

describe('the unit', () => {
  const lines = unitFile('/var/lib/haulout/agent/x.mjs', '/usr/bin/node').split('\n');

  it('is never ordered after cloud-init or the end of the boot, which wait for who starts it', () => {
    const order = lines.filter((line) => /^(After|Before|Requires|Requisite|BindsTo|PartOf)=/.test(line));
    expect(order).toEqual(['After=network-online.target']);
  });

  it.each([
    'Type=exec',
    'ExecStart="/usr/bin/node" "/var/lib/haulout/agent/x.mjs" run',
    'Restart=always',
    'KillMode=process',
    'UMask=0077',
    'StartLimitIntervalSec=0',
    'RuntimeDirectoryPreserve=yes',
    'LimitCORE=0',
    'WantedBy=multi-user.target',
  ])('says %s', (line) => {
    expect(lines).toContain(line);
  });

  it('holds no setting and no secret: they are in a file that only root reads', () => {
    expect(lines.filter((line) => /Environment|HAULOUT_/.test(line))).toEqual([]);
  });

  it('names an odd path as systemd wants it', () => {
    expect(unitFile('/a b/%n$x"\\.mjs', '/n')).toContain('ExecStart="/n" "/a b/%%n$$x\\"\\\\.mjs" run');
  });
});

describe('the unit that says goodbye', () => {
  const lines = goodbyeUnitFile('/usr/local/bin/haulout').split('\n');

  it('stops before the network, the agent and what the services left running, and starts nothing', () => {
    expect(lines).toEqual(
      expect.arrayContaining([
        'After=network-online.target haulout.service',
        'ExecStart=/bin/true',
        'ExecStop="/usr/local/bin/haulout" shutdown --kind shutdown',
        'RemainAfterExit=yes',
        'WantedBy=multi-user.target',
      ]),
    );
    expect(SCOPE_ORDER).toContain('Before=haulout-goodbye.service');
  });

  it('is stopped by nothing but the end of the machine: not with the agent, and not with the network', () => {
    expect(
      lines.filter((line) => /^(Requires|Requisite|BindsTo|PartOf|Conflicts|DefaultDependencies)=/.test(line)),
    ).toEqual([]);
  });

  it('has more time than a goodbye may take', () => {
    expect(lines).toContain('TimeoutStopSec=120s'); // 90 s, and 15 for the answer
  });
});

describeWith([command('systemd-analyze', 'systemd')], 'systemd', () => {
  it('finds nothing wrong with the unit, odd paths included', () => {
    const { node, agent } = oddMachine('odd $HOME %n (node)'); // quotes in the path of a program it does not take at all
    const directory = scratch();
    const paths = [
      put(join(directory, 'haulout-test.service'), unitFile(agent, node)),
      put(join(directory, 'haulout-test-goodbye.service'), goodbyeUnitFile('/bin/true')),
    ];
    const result = spawnSync('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', ...paths], {
      encoding: 'utf8',
    });
    expect(`${result.stdout}${result.stderr}`.split('\n').filter((line) => line.includes('haulout-test'))).toEqual([]);
  });
});

describeWith([root], 'the scripts', () => {
  it.each(['/bin/sh', 'dash', 'bash'])('the command is for %s, hands its words on and its exit code back', (shell) => {
    const { node, agent, directory } = oddMachine();
    const script = put(join(directory, 'haulout'), commandScript(agent, node), 0o755);
    const result = spawnSync(shell, [script, 'status', '3', 'a b', '*', "'"], { cwd: '/', env: {}, encoding: 'utf8' });
    expect([result.status, result.stderr]).toEqual([3, '']);
    expect(readFileSync(join(directory, 'calls'), 'utf8')).toBe("status|3|a b|*|'\n");
  });

  it('the command tells who is not root what to do, with the code for it', () => {
    const script = put(join(scratch(), 'haulout'), commandScript('/agent.mjs', '/usr/bin/node'), 0o755);
    const result = spawnSync(script, ['status'], { uid: 65534, gid: 65534, encoding: 'utf8' });
    expect([result.status, result.stderr]).toEqual([77, 'haulout: only root may ask this. next: sudo haulout ...\n']);
  });

  it.each([0, 75])('the keeper ends with an agent that ends with %s', (code) => {
    const { node, agent, directory } = oddMachine();
    const keeper = keeperScript(agent, node).replace(' run;', ` run ${code};`);
    const result = spawnSync('/bin/sh', ['-c', keeper], { timeout: 10_000, encoding: 'utf8' });
    expect([result.status, result.stderr]).toEqual([code, '']);
    expect(readFileSync(join(directory, 'calls'), 'utf8')).toBe(`run|${code}\n`);
  });

  it('the keeper starts an agent that was killed again', () => {
    const { node, agent, directory } = oddMachine();
    put(
      agent,
      `import { appendFileSync, readFileSync } from 'node:fs';
const calls = new URL('./calls', import.meta.url);
appendFileSync(calls, 'run\\n');
if (readFileSync(calls, 'utf8') === 'run\\n') process.kill(process.pid, 'SIGKILL');
`,
    );
    const keeper = keeperScript(agent, node).replace('sleep 5', 'sleep 0.1');
    expect(spawnSync('/bin/sh', ['-c', keeper], { timeout: 20_000 }).status).toBe(0);
    expect(readFileSync(join(directory, 'calls'), 'utf8')).toBe('run\nrun\n');
  });
});
