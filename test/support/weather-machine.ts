import { setTimeout as pause } from 'node:timers/promises';
import { HOLDER, setClock, WRONG_CLOCK_BEGINS } from './late.ts';
import { type Cell, outcomeOf, type WeatherGround } from './weather.ts';

const BUSY_MS = 20_000;
const TIME_LIMIT_MS = 2_000;
const GRACE_MS = 5_000;

interface HookRow {
  readonly name: string;
  /** Shell below `#!/bin/sh`, or the whole file where it begins with another line. */
  readonly body: string;
}

/** reliability F19: what hooks have been seen to do. */
const ZOO: readonly HookRow[] = [
  { name: 'hangs', body: 'sleep 77120' },
  { name: 'hangs, children too', body: 'sleep 77120 & sleep 77120' },
  { name: 'ignores TERM', body: "trap '' TERM; while :; do sleep 0.2; done" },
  { name: 'forks a daemon that holds the pipes', body: 'sleep 77120 & exit 3' },
  { name: 'forks a daemon twice', body: "setsid sh -c 'sleep 77120 & exit 0' & wait; exit 3" },
  { name: 'floods', body: 'yes flood | head -c 50000000; exit 3' },
  { name: 'dies of a signal', body: 'kill -SEGV $$' },
  { name: 'has no interpreter', body: '#!/usr/bin/perl9\n' },
  { name: 'is no program', body: 'no first line\n' },
  { name: 'has Windows line ends', body: '#!/bin/sh\r\nexit 0\r\n' },
  { name: 'stops itself', body: 'kill -STOP $$; sleep 77120' },
];
const HOOKS = ['configure', 'start', 'check', 'stop'] as const;

/** Each animal as each hook of a service of its own; the two that are looked at stay as they are. */
export async function hookCells(ground: WeatherGround): Promise<Cell[]> {
  const { role } = ground;
  const { spec } = ground;
  const well = '#!/bin/sh\nexit 0\n';
  const cells: Cell[] = [];
  for (const { name, body } of ZOO) {
    for (const hook of HOOKS) {
      const limitMs = 2 * (TIME_LIMIT_MS + GRACE_MS) + BUSY_MS;
      const cell = await ground.cell({ fault: `bin/${hook} ${name}`, step: 'hooks', limitMs }, async () => {
        for (const other of HOOKS) await role.put(`services/zoo/bin/${other}`, well);
        await role.put('haulout.ini', `${spec}[service.zoo]\nimage = services/zoo\nhealth = 0s\ntimeout = 2s\n`);
        await role.sync();
        await role.put(`services/zoo/bin/${hook}`, /^(#!|no )/.test(body) ? body : `#!/bin/sh\n${body}\n`);
        let status = await role.sync();
        // `stop` is called of the image that goes: with the next one.
        if (hook === 'stop') {
          await role.put('services/zoo/bin/configure', `${well}# next\n`);
          status = await role.sync();
        }
        const left = (await role.pids('sleep 77120')).length;
        if (left > 0 && hook !== 'start') throw new Error(`${left} processes of bin/${hook} are left`);
        await role.put('haulout.ini', `${spec}[service.zoo]\nimage = services/zoo\nstate = absent\ntimeout = 2s\n`);
        for (const other of HOOKS) await role.put(`services/zoo/bin/${other}`, well);
        return outcomeOf(status);
      });
      await role.put('haulout.ini', spec);
      await role.sync();
      cells.push(cell);
    }
  }
  return cells;
}

/** Clocks that are wrong at a launch, at a start and while the agent runs: reliability F6, F7. Needs faketime, and `wrongClock`. */
export async function clockCells(ground: WeatherGround): Promise<Cell[]> {
  const { role } = ground;
  await role.exec(`${setClock('+0')}; ${WRONG_CLOCK_BEGINS}`);
  const cells: Cell[] = [];
  for (const rule of ['@1970-01-01 00:10:00', '-2h', '+2h', '@2040-01-01 00:00:00']) {
    const at = (step: string) => ({ fault: `clock ${rule}`, step, limitMs: 2 * BUSY_MS });
    const set = async (to: string) => {
      await role.exec(setClock(to));
      await pause(1_500); // the library looks at its file once a second
    };
    cells.push(
      await ground.cell(at('launcher'), async () => {
        await set(rule);
        return await ground.launchAgain(0, {});
      }),
      await ground.cell(at('agent restart'), async () => {
        await role.killAgent();
        await role.startAgent();
        await ground.upload();
        return await ground.sync();
      }),
      await ground.cell(at('running: stepped'), async () => {
        await ground.upload();
        await set('+0');
        await ground.sync();
        await set(rule);
        return await ground.sync();
      }),
    );
    await set('+0');
  }
  return cells;
}

/** Fifty agents at once, and one that is killed: reliability F21. */
export async function agentCells(ground: WeatherGround, rounds: number): Promise<Cell[]> {
  const { role } = ground;
  const cells: Cell[] = [];
  for (let round = 0; round < rounds; round++) {
    cells.push(
      await ground.cell({ fault: '50 agents at once', step: 'agent restart', limitMs: 120_000 }, async () => {
        await role.killAgent();
        const script =
          'for i in $(seq 50); do (setsid haulout run > /dev/null 2>&1 < /dev/null; echo $? >> /run/ends) & done; sleep 1; true';
        await role.exec(`rm -f /run/ends; ${script}`, 60_000);
        const ends = async () => (await role.read('/run/ends').catch(() => '')).split('\n').filter(Boolean);
        for (let look = 0; look < 300 && (await ends()).length < 49; look++) await pause(200);
        const [running, codes] = [await role.agents(), await ends()];
        if (running.length !== 1) throw new Error(`${running.length} agents run`);
        if (codes.length !== 49 || codes.some((code) => code !== '75'))
          throw new Error(`the others ended with ${codes}`);
        return await ground.sync();
      }),
      await ground.cell({ fault: 'the agent is killed', step: 'agent restart', limitMs: BUSY_MS }, async () => {
        await role.killAgent();
        const started = performance.now();
        await role.startAgent();
        const ms = performance.now() - started;
        process.stdout.write(`the next agent is at work ${Math.round(ms)} ms after the kill of the last one\n`);
        return await ground.sync();
      }),
    );
  }
  return cells;
}

/** Packages while another package manager is at work, while an archive cannot be reached, and after a dpkg that was killed. */
export async function packageCells(ground: WeatherGround): Promise<Cell[]> {
  const { role } = ground;
  const { spec } = ground;
  const withPackage = `${spec}[packages]\nsl =\n`;
  const without = `${spec}[packages]\nsl = absent\n`;
  const at = (fault: string) => ({ fault, step: 'packages', limitMs: 240_000 });
  const install = async (before: string, after: string) => {
    await role.put('haulout.ini', without);
    await role.sync();
    const { code, output } = await role.exec(before);
    if (code !== 0) throw new Error(`the fault could not be made: ${output}`);
    await role.put('haulout.ini', withPackage);
    const outcome = await ground.sync();
    await role.exec(after);
    return outcome;
  };
  const holdLock = [
    `cat > /run/holder.pl <<'END'\n${HOLDER}END`,
    'setsid perl /run/holder.pl 30 > /run/holder.log 2>&1 < /dev/null & sleep 1',
    'kill -0 $!',
  ].join('\n');
  const cells = [
    await ground.cell(at('a lock held for 30 s'), () => install(holdLock, 'true')),
    await ground.cell(at('no archive'), () =>
      install(
        'printf \'Acquire::http::Proxy "http://10.77.0.1:1";\\n\' > /etc/apt/apt.conf.d/zzz; apt-get clean',
        'rm /etc/apt/apt.conf.d/zzz',
      ),
    ),
    await ground.cell(at('dpkg was interrupted'), () =>
      install(
        "perl -0pi -e 's/(Package: perl-base\\nStatus: install ok )installed/$1half-configured/' /var/lib/dpkg/status",
        'true',
      ),
    ),
  ];
  await role.put('haulout.ini', spec);
  await role.sync();
  return cells;
}

/** What is left of ten thousand hooks is nothing: reliability F20. */
export async function zombies(ground: WeatherGround): Promise<number> {
  const { stdout } = await ground.role.exec("grep -l '^State:.Z' /proc/[0-9]*/status 2> /dev/null | wc -l");
  return Number(stdout);
}

/** Descriptors the resident agent has open. */
export async function descriptors(ground: WeatherGround): Promise<number> {
  const [agent] = await ground.role.agents();
  const { stdout } = await ground.role.exec(`ls /proc/${agent}/fd | wc -l`);
  return Number(stdout);
}
