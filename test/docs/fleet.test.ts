import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { CONDITIONS } from '../../src/cli/fleet/row.ts';
import { parseExposition } from '../support/exposition.ts';
import { type FleetStore, fleetStore, statusOf } from '../support/fleet.ts';
import { eventually } from '../support/scratch.ts';
import { COSTS } from '../support/simulated-agents.ts';
import { DESK } from './cli.ts';
import { holds } from './holds.ts';
import { codeWords, readPage, tableRows } from './pages.ts';
import { commandsOf } from './shell.ts';

const PAGE = 'docs/fleet.md';
const { text, examples } = readPage(PAGE);
const FLEET = 's3://my-bucket';

/** What the page says, held against a fleet in the local S3 whose clock stands still. */
describe('docs/fleet.md', () => {
  let store: FleetStore;
  beforeAll(async () => {
    store = await fleetStore();
  });
  afterAll(() => store.close());

  it.each([
    ['fleet', FLEET],
    ['explain', 'i-0de', FLEET],
    ['explain', 'i-0105', FLEET],
  ])('shows what haulout %s %s prints', async (...words) => {
    const { stdout, stderr } = await store.run(...words.filter((word) => word !== undefined));
    const shown = [`$ haulout ${words.join(' ')}\n`, stdout, stderr].join('');
    holds(PAGE, `\`\`\`text\n${shown}\`\`\`\n`, `from haulout ${words.slice(0, 2).join(' ')}`);
  });

  it('shows what haulout fleet watch prints when a machine fails', async () => {
    const own = await fleetStore([statusOf('i-0a11ce00000000001')]);
    onTestFinished(() => own.close());
    const watch = watching(own, []);
    expect(await eventually(() => watch.lines().length === 1, 10_000)).toBe(true);
    own.pass(15_000);
    const trouble = { code: 'hook-failed', step: 'service', subject: 'service:planet', reason: 'r', hint: 'h' };
    await own.tell(statusOf('i-0a11ce00000000001', { health: 'degraded', trouble }));
    expect(await eventually(() => watch.lines().length === 2, 20_000)).toBe(true);
    expect(await watch.end()).toBe(130);
    holds(
      PAGE,
      `\`\`\`text\n$ haulout fleet watch ${FLEET}\n${watch.lines().join('\n')}\n\`\`\`\n`,
      'from haulout fleet watch',
    );
  }, 60_000);

  const commands = examples.filter(({ info }) => info === 'sh').flatMap((example) => commandsOf(example.text));
  it.each(commands.map((words) => [words.join(' '), words.slice(1)] as const))(
    '%s runs',
    async (_, words) => {
      if (words[1] === 'watch') {
        const watch = watching(store, words.slice(3));
        expect(await eventually(() => watch.lines().length > 0, 10_000)).toBe(true);
        expect(await watch.end()).toBe(130);
        return;
      }
      const { code, stdout, stderr } = await store.run(...words);
      expect(code, stderr).toBe(words.includes('--exit-code') ? 2 : 0);
      expect(stdout === '').toBe(words.includes('--upload'));
    },
    60_000,
  );

  it('has every health, in the order of the table', () => {
    expect(tableRows(text, '| health |').flatMap(([name = '']) => codeWords(name))).toEqual(CONDITIONS);
  });

  it('has every field of an instance in --json', async () => {
    const { instances } = JSON.parse((await store.run('fleet', FLEET, '--json')).stdout) as { instances: object[] };
    const found = new Set(instances.flatMap((one) => Object.keys(one)));
    const said = tableRows(text, '| field | what |').flatMap(([names = '']) => codeWords(names));
    expect(said.sort()).toEqual([...found].sort());
  });

  it('has every metric with its labels', async () => {
    const metrics = parseExposition((await store.run('fleet', 'metrics', FLEET)).stdout);
    const said = tableRows(text, '| metric |').map(([name = '', labels = '']) => [
      codeWords(name)[0],
      codeWords(labels),
    ]);
    expect(said).toEqual(metrics.map(({ name, samples }) => [name, Object.keys(samples[0]!.labels)]));
  });

  it('has what an agent costs, as the soak counts it', () => {
    const costs = tableRows(text, '| what | requests |').map(([, requests = '']) => requests.trim());
    expect(costs.slice(-3)).toEqual([
      String(COSTS.look),
      `${COSTS.status} each sync`,
      `1 each ${COSTS.wakeEveryMs / 1_000} s`,
    ]);
  });
});

function watching(store: FleetStore, words: readonly string[]) {
  const argv = [DESK, 'fleet', 'watch', FLEET, '--interval', '1s', ...words];
  const child = spawn(process.execPath, argv, { env: store.env, stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const end = async (): Promise<number | null> => {
    child.kill('SIGINT');
    return (await ended)[0];
  };
  return { lines: () => said.split('\n').slice(0, -1), end };
}
