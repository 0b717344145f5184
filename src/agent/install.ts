import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StateFiles } from '../ledger/state-files.ts';
import { systemClock } from '../lib/clock.ts';
import { ensureDirectory, writeWhole } from '../lib/durable.ts';
import { HauloutError } from '../lib/errors.ts';
import { run, SYSTEM_ENVIRONMENT } from '../lib/exec.ts';
import { EXIT } from '../lib/exit.ts';
import { makeRoom } from '../lib/make-room.ts';
import { SYSTEMD_RUNS } from '../lib/present.ts';
import type { Wait } from '../lib/waits.ts';
import type { Settings } from '../userdata/settings.ts';
import { readBootId } from './boot-id.ts';
import { endResident } from './end-resident.ts';
import { type Paths, residentLock } from './paths.ts';
import { writeSettings } from './settings-file.ts';
import { keepLaunchWaits } from './wait-book.ts';

const UNIT = 'haulout.service';
const GOODBYE_UNIT = 'haulout-goodbye.service';
const SCOPE_FILE = 'haulout-.scope.d/goodbye.conf';

/**
 * What the launcher calls once the agent is here: settings to disk, the `haulout` command, and the agent left running on its
 * own. It returns at once, because cloud-init and the boot wait for it.
 */
export async function install(
  paths: Paths,
  settings: Settings,
  agent: string,
  waits: readonly Wait[],
): Promise<'systemd' | 'detached'> {
  await ensureDirectory(paths.state);
  await ensureDirectory(paths.log);
  await ensureDirectory(paths.run, 0o755);
  await writeSettings(paths, settings);
  await keepLaunchWaits(new StateFiles(paths.state), await readBootId(), waits);
  await ensureDirectory(dirname(paths.command), 0o755);
  await writeWhole(paths.command, commandScript(agent), { mode: 0o755 });
  if (existsSync(SYSTEMD_RUNS)) {
    await startUnder(agent, paths.command);
    return 'systemd';
  }
  if (!(await endResident(residentLock(paths), systemClock))) throw stillThere();
  startDetached(paths, agent);
  return 'detached';
}

/** Absolute, because under cloud-init and cron PATH and HOME may say nothing. */
export function commandScript(agent: string, node = process.execPath): string {
  return `#!/bin/sh
# Made by haulout. It is the agent's own command: haulout status | sync | logs | service
# The agent stands where only root may look.
[ "$(id -u)" = 0 ] || { echo 'haulout: only root may ask this. next: sudo haulout ...' >&2; exit ${EXIT.notPermitted}; }
exec ${shellWord(node)} ${shellWord(agent)} "$@"
`;
}

/**
 * Type=exec; never ordered after cloud-init's or multi-user's units, which wait for the script that starts us (a deadlock
 * seen in the field). KillMode=process: what services left running is not ours to end (law 8).
 */
export function unitFile(agent: string, node = process.execPath): string {
  return `[Unit]
Description=haulout: keeps this machine as its bucket wants it
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${unitWord(node)} ${unitWord(agent).replaceAll('$', '$$$$')} run
Restart=always
RestartSec=5s
KillMode=process
UMask=0077
LimitCORE=0
OOMScoreAdjust=-200
RuntimeDirectory=haulout
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes

[Install]
WantedBy=multi-user.target
`;
}

/**
 * At the system's shutdown, and then only, stop hooks run and the tombstone is written. A unit of its own: the agent's may be
 * stopped and started at any time (law 8). Units stop in the reverse of their order, so this one stops while there is a
 * network, an agent, and what `start` hooks have left running.
 */
export function goodbyeUnitFile(command: string): string {
  return `[Unit]
Description=haulout: says goodbye when the machine goes down
Wants=network-online.target
After=network-online.target ${UNIT}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=${unitWord(command)} shutdown --kind shutdown
TimeoutStopSec=120s

[Install]
WantedBy=multi-user.target
`;
}

/** For the scopes that services run in (contain-systemd.ts), by the beginning of their names: systemd.unit(5), since 239. */
export const SCOPE_ORDER = `[Unit]
Before=${GOODBYE_UNIT}
`;

async function startUnder(agent: string, command: string): Promise<void> {
  const units = '/etc/systemd/system';
  await ensureDirectory(join(units, 'haulout-.scope.d'), 0o755);
  const files = { [UNIT]: unitFile(agent), [GOODBYE_UNIT]: goodbyeUnitFile(command), [SCOPE_FILE]: SCOPE_ORDER };
  for (const [name, text] of Object.entries(files)) await writeWhole(join(units, name), text, { mode: 0o644 });
  // needrestart has restarted the unit under whose hands it was run; ours it shall leave alone.
  if (existsSync('/etc/needrestart')) {
    await ensureDirectory('/etc/needrestart/conf.d', 0o755);
    await writeWhole('/etc/needrestart/conf.d/haulout.conf', '$nrconf{override_rc}{qr(^haulout)} = 0;\n', {
      mode: 0o644,
    });
  }
  const start = [
    ['daemon-reload'],
    ['enable', UNIT, GOODBYE_UNIT],
    ['restart', '--no-block', UNIT],
    ['start', '--no-block', GOODBYE_UNIT],
  ];
  for (const words of start) {
    const result = await run(['systemctl', ...words], { timeoutMs: 60_000, env: SYSTEM_ENVIRONMENT });
    if (result.code !== 0) throw notStarted(`systemctl ${words.join(' ')}`, result.code);
  }
}

/**
 * Without systemd: a session of its own, nothing shared with the script that goes away, output to a file. A shell of a few
 * lines starts it again when it was killed; it ends when the agent was told to end (0) or another one is at work (75).
 */
function startDetached(paths: Paths, agent: string): void {
  const log = join(paths.log, 'agent.log');
  makeRoom(log);
  const output = openSync(log, 'a', 0o600);
  const child = spawn('/bin/sh', ['-c', keeperScript(agent)], {
    detached: true,
    stdio: ['ignore', output, output],
    cwd: '/',
    env: { ...SYSTEM_ENVIRONMENT },
  });
  child.unref();
  closeSync(output);
  if (child.pid === undefined) throw notStarted('the agent', null);
}

export function keeperScript(agent: string, node = process.execPath): string {
  return `while :; do ${shellWord(node)} ${shellWord(agent)} run; case $? in 0 | 75) exit ;; esac; sleep 5; done`;
}

/** A Node may stand at any path that somebody chose. */
function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** systemd.service(5), "command lines": in quotes, specifiers doubled; in all but the first word variables too. */
function unitWord(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replaceAll('%', '%%')}"`;
}

function stillThere(): HauloutError {
  return new HauloutError({
    code: 'agent-not-started',
    step: 'agent',
    subject: UNIT,
    reason: 'the agent that is at work was told to end, and has not',
    hint: 'look at `haulout logs`, end it, and run the script again',
  });
}

function notStarted(what: string, code: number | null): HauloutError {
  return new HauloutError({
    code: 'agent-not-started',
    step: 'agent',
    subject: UNIT,
    reason: `${what} ended with ${code ?? 'no code'}`,
    hint: 'look at `journalctl -u haulout` and `systemctl status haulout`',
  });
}
