import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RUN_ROOT } from '../../src/cloud/machine/run-directory.ts';
import { ownCgroups } from '../support/machines.ts';
import { describeWith, root } from '../support/needs.ts';
import { roleForAll, TINIEST, testDirectory } from '../support/role-files.ts';
import { eventually, isAlive } from '../support/scratch.ts';
import { descendants, endAll, TryProcess, tryToEnd } from '../support/try.ts';

const HELLO = fileURLToPath(new URL('../../buckets/hello', import.meta.url));
const LONG = 120_000;

/** When a session is ended: what it has said by then. */
const MOMENTS: readonly (readonly [string, (child: TryProcess) => boolean])[] = [
  ['before it has said a word', () => true],
  ['when the cloud is there', (child) => child.all('cloud').length > 0],
  ['when the instance is launched', (child) => child.all('launched').length > 0],
  ['while packages are installed', (child) => child.all('phase').some(({ phase }) => phase === 'facts')],
];

describeWith([root], 'haulout try leaves nothing', () => {
  const directory = testDirectory();
  const tiniest = roleForAll(join(directory, 'tiniest'), TINIEST);
  let temporary: string;
  let before: ReturnType<typeof marksHere>;

  beforeEach(() => {
    temporary = mkdtempSync(join(directory, 'tmp-'));
    before = marksHere();
  });
  afterEach(endAll, 60_000);

  const start = (role: string, ...flags: string[]) =>
    new TryProcess([role, '--events', ...flags], { TMPDIR: temporary });

  /** Of this session: processes, files, cgroups; of this machine: mounts and links. */
  async function expectNothing(child: TryProcess, processes: readonly number[]): Promise<void> {
    expect(await eventually(() => processes.every((pid) => !isAlive(pid)))).toBe(true);
    expect(readdirSync(temporary)).toEqual([]);
    expect(runDirectories(child.pid)).toEqual([]);
    expect(await ownCgroups(child.pid)).toEqual([]);
    expect(marksHere()).toEqual(before);
  }

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it.each(MOMENTS)(
      `after ${signal} %s`,
      async (_when, reached) => {
        const child = start(HELLO);
        if (!reached(child)) await child.until(() => reached(child) || undefined, 'such a moment');
        else await new Promise((resolve) => child.child.once('spawn', resolve));
        const processes = descendants(child.pid);
        child.signal(signal);
        const { code, signal: by } = await child.ended;
        // In the first moments of its life Node itself ends at a signal: nothing is there yet.
        expect(by ?? code).toBe(by === null ? 130 : signal);
        expect(child.all('terminated')).toHaveLength(child.all('launched').length);
        await expectNothing(child, processes);
      },
      LONG,
    );
  }

  it(
    'after SIGINT when it is ready, and after a second one meanwhile',
    async () => {
      const child = start(tiniest);
      await child.next('ready');
      const processes = descendants(child.pid);
      expect(processes.length).toBeGreaterThan(3);
      child.signal('SIGINT');
      child.signal('SIGINT');
      child.signal('SIGTERM');
      expect(await child.ended).toEqual({ code: 130, signal: null });
      expect(child.events.at(-1)?.event).toBe('terminated');
      await expectNothing(child, processes);
    },
    LONG,
  );

  it(
    'when --once and --exec are through, and when the instance could not boot',
    async () => {
      for (const flags of [['--once'], ['--exec', 'sleep 1000 & exit 3'], ['--root', directory, '--once']]) {
        const child = await tryToEnd([tiniest, '--events', ...flags], { TMPDIR: temporary });
        await expectNothing(child, []);
      }
    },
    LONG,
  );

  it(
    'when who read its events has gone',
    async () => {
      const child = start(tiniest);
      await child.next('cloud');
      child.child.stdout?.destroy();
      expect((await child.ended).code).toBe(130);
      await expectNothing(child, []);
      const talkative = new TryProcess([tiniest], { TMPDIR: temporary });
      await talkative.until(() => talkative.stderr.includes('launched') || undefined, 'word of the launch');
      talkative.child.stderr?.destroy();
      expect((await talkative.ended).code).toBe(130);
      await expectNothing(talkative, []);
    },
    LONG,
  );

  it.each([
    ['while it boots', 'launched'],
    ['when it is ready', 'ready'],
  ] as const)(
    'after SIGKILL %s: the kernel takes what runs at once, the next start the files',
    async (_when, name) => {
      const child = start(tiniest);
      await child.next(name);
      const processes = descendants(child.pid);
      expect(processes.length).toBeGreaterThan(1);
      child.signal('SIGKILL');
      expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' });
      expect(await eventually(() => processes.every((pid) => !isAlive(pid)))).toBe(true);
      expect(marksHere()).toEqual(before);
      // (In /run a cloud of another test may have cleared them by now.)
      expect(readdirSync(temporary)).toHaveLength(1);

      // What others have there is left alone: a living cloud's, and what is no cloud's.
      const living = start(tiniest);
      await living.next('ready');
      mkdirSync(join(temporary, 'haulout-cloud-of-mine'));
      expect(runDirectories(child.pid)).toEqual([]);
      const names = readdirSync(temporary);
      expect(names).toHaveLength(2);
      const another = await tryToEnd([tiniest, '--once', '--events'], { TMPDIR: temporary });
      expect(another.code).toBe(0);
      expect(readdirSync(temporary)).toEqual(names);
      rmSync(join(temporary, 'haulout-cloud-of-mine'), { recursive: true });
      living.signal('SIGTERM');
      await living.ended;
      await expectNothing(child, processes);
      await expectNothing(living, []);
    },
    LONG,
  );

  it(
    'in the directory, which it only reads',
    async () => {
      const listed = () => execFileSync('find', [tiniest, '-printf', '%p %s %T@ %m\n'], { encoding: 'utf8' });
      const tree = listed();
      const child = await tryToEnd([tiniest, '--once']);
      expect(child.code).toBe(0);
      expect(listed()).toBe(tree);
    },
    LONG,
  );
});

/** Of this machine, as far as a local cloud could leave a mark there; the clouds of tests that run beside this one leave none. */
function marksHere(): Record<string, string> {
  const links = execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' });
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return {
    mounts: mounts.filter((line) => line.includes('haulout')).join('\n'),
    links: links.replaceAll(/^\d+: (\S+):.*$/gm, '$1'),
    namespaces: execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }),
    hostname: readFileSync('/proc/sys/kernel/hostname', 'utf8'),
  };
}

/** A session's directories in /run; the others are other sessions'. */
function runDirectories(pid: number): string[] {
  if (!existsSync(RUN_ROOT)) return [];
  return readdirSync(RUN_ROOT).filter((name) => name.startsWith(`${pid}-`));
}
