import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { run } from '../../src/lib/exec.ts';
import { type FleetStore, fleetStore, KINDS, NEW, statusOf } from '../support/fleet.ts';
import { command, describeWith } from '../support/needs.ts';
import { eventually } from '../support/scratch.ts';
import { CLI } from '../support/try.ts';

const FLEET = 's3://my-bucket';
const ID = 'i-0a11ce00000000001';

async function storeForTest(statuses = KINDS): Promise<FleetStore> {
  const store = await fleetStore(statuses);
  onTestFinished(() => store.close());
  return store;
}

/** A watch that is under way, and ends with the test. */
function watched(store: FleetStore, ...words: string[]) {
  const argv = [CLI, 'fleet', 'watch', FLEET, '--interval', '1s', ...words];
  const child = spawn(process.execPath, argv, { env: { PATH: process.env['PATH'], ...store.env } });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text;
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  onTestFinished(() => void child.kill('SIGKILL'));
  const end = async (): Promise<number | null> => {
    child.kill('SIGINT');
    return (await ended)[0];
  };
  return { said, end, ended, lines: () => said.stdout.split('\n').slice(0, -1) };
}

describe('haulout fleet watch, off a terminal', () => {
  it('says of a fleet that is empty, or cannot be read, that it is so', async () => {
    const store = await storeForTest([]);
    const empty = watched(store);
    const words = () => empty.said.stderr;
    expect(
      await eventually(() => words().endsWith('.haulout: 0 instances: none has told of itself\n'), 10_000),
      words(),
    ).toBe(true);
    await store.put(`planet/${ID}.json`, 'no JSON');
    const page = await store.run('fleet', 'page', FLEET);
    expect(page.stderr).toMatch(/^haulout: 0 instances: 1 unreadable; \d+ KiB\n$/);
  });

  it('is a line for each change, and asks only for what changed', async () => {
    const store = await storeForTest([statusOf(ID), statusOf('i-0a11ce00000000002')]);
    const { said, lines, end } = watched(store);
    expect(await eventually(() => lines().length === 2, 10_000), said.stderr).toBe(true);
    expect(lines()).toEqual([
      `2025-06-01T10:05:30.000Z ${ID} planet  absent -> healthy`,
      '2025-06-01T10:05:30.000Z i-0a11ce00000000002 planet  absent -> healthy',
    ]);
    const before = store.log.length;
    const trouble = { code: 'check-failed', step: 'service', subject: 'service:web', reason: 'r', hint: 'h' };
    await store.tell(statusOf(ID, { health: 'degraded', trouble }));
    expect(await eventually(() => lines().length === 3, 10_000)).toBe(true);
    expect(lines().at(-1)).toBe(
      `2025-06-01T10:05:30.000Z ${ID} planet  healthy -> degraded  service: service:web [check-failed]`,
    );
    const fetched = store.log.slice(before).filter(({ operation }) => operation === 'GetObject');
    expect(fetched.map(({ key }) => key)).toEqual([`.haulout/instances/planet/${ID}.json`]);

    await store.tell(statusOf(ID, { content: { wanted: NEW, active: NEW } }));
    expect(await eventually(() => lines().length === 4, 10_000)).toBe(true);
    expect(lines().at(-1)).toContain('degraded -> healthy  content a0a950209ab6 -> b2bcacbf6606');
    store.pass(700_000);
    expect(await eventually(() => lines().length === 6, 10_000)).toBe(true);
    expect(lines().at(-1)).toContain('healthy -> lost  lease ran out 1m ago');
    await store.endpoint.delete('my-bucket', `.haulout/instances/planet/${ID}.json`);
    expect(await eventually(() => lines().length === 7, 10_000)).toBe(true);
    expect(lines().at(-1)).toContain(`${ID} planet  lost -> absent`);
    expect(await end()).toBe(130);
    expect(said.stderr).toBe('haulout: s3://my-bucket/.haulout: 2 instances: 2 healthy\n');
  }, 60_000);

  it('is a JSON object for each change with --json', async () => {
    const store = await storeForTest([statusOf(ID)]);
    const { lines, end } = watched(store, '--json');
    expect(await eventually(() => lines().length === 1, 10_000)).toBe(true);
    expect(JSON.parse(lines()[0]!)).toEqual({
      schema: 1,
      at: '2025-06-01T10:05:30.000Z',
      instanceId: ID,
      role: 'planet',
      before: null,
      after: { condition: 'healthy', content: 'a0a950209ab6', failing: '' },
    });
    expect(await end()).toBe(130);
  });

  it('asks again for what it may not read, and for nothing else that did not change', async () => {
    let mayRead = false;
    const refused = `.haulout/instances/planet/${ID}.json`;
    const store = await fleetStore([statusOf(ID), statusOf('i-0a11ce00000000002')], {
      faults: ({ key }) => (key === refused && !mayRead ? { status: 403, code: 'AccessDenied' } : undefined),
    });
    onTestFinished(() => store.close());
    const { said, lines, end } = watched(store);
    expect(await eventually(() => said.stderr.includes('1 instance: 1 healthy, 1 unreadable'), 10_000)).toBe(true);
    mayRead = true;
    expect(await eventually(() => lines().length === 2, 10_000)).toBe(true);
    expect(lines()[1]).toContain(`${ID} planet  absent -> healthy`);
    const others = store.log.filter(({ operation, key }) => operation === 'GetObject' && key !== refused);
    expect(others).toHaveLength(1);
    expect(await end()).toBe(130);
  }, 60_000);

  it('goes on when the store is away for a while, and says so', async () => {
    let isAway = false;
    const store = await fleetStore([statusOf(ID)], {
      faults: () => (isAway ? { status: 403, code: 'AccessDenied' } : undefined),
    });
    onTestFinished(() => store.close());
    const { said, lines, end } = watched(store);
    expect(await eventually(() => lines().length === 1, 10_000)).toBe(true);
    isAway = true;
    expect(await eventually(() => said.stderr.includes('ListObjects was answered 403'), 10_000)).toBe(true);
    await store.tell(statusOf(ID, { health: 'degraded' }));
    isAway = false;
    expect(await eventually(() => lines().length === 2, 10_000)).toBe(true);
    expect(await end()).toBe(130);
  }, 60_000);

  it.each([
    ['an interval that is none', ['--interval', 'often'], 64],
    ['one that is too short', ['--interval', '10ms'], 64],
    ['a store that never was there', ['--endpoint-url', 'http://127.0.0.1:1'], 69],
  ])(
    'refuses %s',
    async (_what, words, code) => {
      const store = await storeForTest([]);
      expect((await store.run('fleet', 'watch', FLEET, ...words)).code).toBe(code);
    },
    60_000,
  );
});

describeWith(
  [command('script', 'bsdutils'), command('timeout', 'coreutils')],
  'haulout fleet watch, on a terminal',
  () => {
    const shown = async (store: FleetStore, env: Record<string, string> = {}): Promise<string> => {
      const line = `stty rows 12 cols 70; timeout -s INT 3 ${process.execPath} ${CLI} fleet watch ${FLEET} --interval 1s`;
      const { stdout } = await run(['script', '-qec', line, '/dev/null'], {
        env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...store.env, ...env },
        timeoutMs: 30_000,
      });
      return stdout;
    };

    it('draws in place, within the screen, and leaves no trace', async () => {
      const many = Array.from({ length: 40 }, (_, index) =>
        statusOf(`i-0a11ce000000001${String(index).padStart(2, '0')}`),
      );
      const output = await shown(await storeForTest([...KINDS, ...many]));
      expect(output.startsWith('\u001b[?1049h\u001b[?25l')).toBe(true);
      expect(output.trimEnd().endsWith('\u001b[?25h\u001b[?1049l')).toBe(true);
      const frames = output.split('\u001b[H').slice(1);
      expect(frames.length).toBeGreaterThan(1);
      for (const frame of frames) {
        const lines = frame.split('\u001b[J')[0]!.split('\r\n');
        expect(lines).toHaveLength(12);
        for (const line of lines) expect(line.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').length).toBeLessThanOrEqual(70);
      }
      expect(frames[0]).toContain('haulout: s3://my-bucket/.haulout: 48 instances: 1 lost');
      expect(frames[0]).toContain('... and ');
      expect(frames[0]).toContain('\u001b[31mlost');
    }, 60_000);

    it('has no colour with NO_COLOR', async () => {
      expect(await shown(await storeForTest(), { NO_COLOR: '1' })).not.toContain('\u001b[31m');
    }, 60_000);
  },
);
