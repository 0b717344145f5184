import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/lib/exec.ts';
import { type Command, unitScope } from '../../src/services/contain.ts';
import { initScripts, systemdUnits, unitManager } from '../../src/services/units.ts';
import { containmentOf } from '../support/containments.ts';
import { describeWith, root } from '../support/needs.ts';
import { eventually, isAlive, put, scratch } from '../support/scratch.ts';

const RESULT: RunResult = { code: 0, signal: null, timedOut: false, output: '', stdout: '', durationMs: 1 };

describe('systemd units', () => {
  it('are acted upon by systemctl, each action with its time limit', async () => {
    const calls: (readonly [Command, number])[] = [];
    const units = systemdUnits(async (argv, timeoutMs) => {
      calls.push([argv, timeoutMs]);
      return argv.includes('is-active') ? { ...RESULT, code: 3 } : RESULT;
    });
    expect(await units.isActive('nginx')).toBe(false);
    for (const verb of ['start', 'stop', 'reload', 'restart', 'enable'] as const) {
      expect(await units[verb]('php8.2-fpm@x.service', 5_000)).toMatchObject({ ok: true });
      expect(calls.at(-1)).toEqual([['systemctl', '--no-ask-password', verb, '--', 'php8.2-fpm@x.service'], 5_000]);
    }
  });

  it('are enabled by another name, or not by us at all: then the manager reads its files anew all the same', async () => {
    const verbs: string[] = [];
    const units = (enabled: number) =>
      systemdUnits(async (argv) => {
        verbs.push(argv[2]!);
        return { ...RESULT, code: argv[2] === 'enable' ? 1 : argv[2] === 'is-enabled' ? enabled : 0, output: argv[2]! };
      });
    expect(await units(0).enable('sshd', 1_000)).toMatchObject({ ok: true });
    expect(verbs).toEqual(['enable', 'is-enabled', 'daemon-reload']);
    expect(await units(1).enable('masked', 1_000)).toMatchObject({ ok: false, code: 1, output: 'enable' });
  });

  it.each(['../x', '-x', 'a b', '', 'a/b', 'x\ny'])('%j is not a unit', async (unit) => {
    await expect(systemdUnits(async () => RESULT).start(unit, 1)).rejects.toThrow(TypeError);
  });
});

const SCRIPT = `#!/bin/sh
here=$(dirname "$0")
echo "$1 $(env | cut -d = -f 1 | sort | tr '\\n' ' ')" >> "$here/calls"
case "$1" in
  status) [ -e "$here/pid" ] && kill -0 "$(cat "$here/pid")" 2> /dev/null || exit 3 ;;
  start|restart) setsid sh -c 'echo $$ > "$1/pid"; while :; do echo tick; sleep 0.05; done' sh "$here" & echo "Starting" ;;
  stop) kill "$(cat "$here/pid")"; rm "$here/pid" ;;
  reload) exit 3 ;;
  force-reload) echo forced ;;
  *) exit 2 ;;
esac
`;

describeWith([root], 'init scripts', () => {
  it('are called where there is no systemd, and what they start outlives us in its own scope', async () => {
    const containment = await containmentOf('scan', `haulout-units-${process.pid}`);
    const directory = scratch();
    const logs = scratch();
    put(join(directory, 'webd'), SCRIPT, 0o755);
    const units = initScripts(containment, logs, directory);
    expect(await units.isActive('webd')).toBe(false);
    expect(await units.start('webd.service', 5_000)).toMatchObject({
      ok: true,
      output: expect.stringContaining('Starting'),
    });
    expect(await eventually(() => units.isActive('webd'))).toBe(true);
    const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'));
    expect(await containment.members(unitScope('webd.service'))).toContain(pid);
    await new Promise((resolve) => setTimeout(resolve, 300)); // it prints all the while
    expect(isAlive(pid)).toBe(true);
    expect(await units.reload('webd', 5_000)).toMatchObject({ ok: true, output: expect.stringContaining('forced') });
    expect(await units.stop('webd', 5_000)).toMatchObject({ ok: true });
    expect(await eventually(() => !isAlive(pid))).toBe(true);
    await containment.end(unitScope('webd.service'), 500);
    const seen = readFileSync(join(directory, 'calls'), 'utf8').split('\n')[1];
    expect(seen).toMatch(/^start HAULOUT_SCOPE LANG PATH (PWD )?(SHLVL )?TERM (_ )?$/);
  });

  it('have a time limit, and fail by name when they are not there', async () => {
    const containment = await containmentOf('scan', `haulout-units-${process.pid}`);
    const directory = scratch();
    put(join(directory, 'slow'), '#!/bin/sh\nexec sleep 1000\n', 0o755);
    const units = initScripts(containment, scratch(), directory);
    expect(await units.start('slow', 200)).toMatchObject({ ok: false, timedOut: true });
    expect(await units.start('none', 200)).toMatchObject({
      ok: false,
      output: expect.stringContaining('/none is not there'),
    });
    expect(await units.isActive('none')).toBe(false);
  });

  it('are the choice of every driver but systemd', async () => {
    const containment = await containmentOf('scan', 'haulout-units-choice');
    expect(await unitManager(containment, scratch()).isActive('no-such-unit-anywhere')).toBe(false);
  });
});
