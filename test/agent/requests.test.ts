import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { askAgent, goodbyeRequest, Requests, syncRequest } from '../../src/agent/requests.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Status } from '../../src/status/status.ts';
import { eventually, put, scratch } from '../support/scratch.ts';

const status = { schema: 1, instanceId: 'i-1', health: 'healthy' } as Status;
const alone = async () => undefined;

async function listening(run = scratch()): Promise<{ run: string; requests: Requests; wakes: () => number }> {
  const requests = new Requests(run);
  let count = 0;
  await requests.open(() => count++);
  onTestFinished(() => requests.close());
  return { run, requests, wakes: () => count };
}

it('who asks is heard at once, and answered with the status', async () => {
  const { run, requests, wakes } = await listening();
  const asked = askAgent(run, systemClock, syncRequest(), 5_000, alone);
  expect(await eventually(() => wakes() > 0)).toBe(true);
  const pending = await requests.pending();
  expect(pending).toHaveLength(1);
  await requests.answer(pending, status);
  expect(await asked).toEqual(status);
  expect(readdirSync(join(run, 'requests')).concat(readdirSync(join(run, 'answers')))).toEqual([]);
  for (const name of ['requests', 'answers']) expect(statSync(join(run, name)).mode & 0o777).toBe(0o700);
});

it('many who ask are answered by one round, each for himself', async () => {
  const { run, requests } = await listening();
  const asked = Array.from({ length: 10 }, () => askAgent(run, systemClock, syncRequest(), 5_000, alone));
  expect(await eventually(async () => (await requests.pending()).length === 10)).toBe(true);
  await requests.answer(await requests.pending(), status);
  expect(await Promise.all(asked)).toEqual(Array.from({ length: 10 }, () => status));
});

it('what was asked of an agent that was killed is pending still', async () => {
  const run = scratch();
  const name = randomUUID();
  put(join(run, 'requests', name), '');
  const { requests } = await listening(run);
  expect(await requests.pending()).toEqual([name]);
});

it('nobody answers: the one who asked gives up in time, and leaves nothing behind', async () => {
  const run = scratch();
  expect(await askAgent(run, systemClock, syncRequest(), 300, alone)).toBeUndefined();
  expect(readdirSync(join(run, 'requests'))).toEqual([]);
});

it('the agent is gone: the one who asked does the round himself', async () => {
  const tries: string[] = [];
  const answer = await askAgent(scratch(), systemClock, syncRequest(), 20_000, async () => {
    tries.push('alone');
    return status;
  });
  expect([answer, tries]).toEqual([status, ['alone']]);
});

it('who asks for a goodbye is told apart, and answered like the others', async () => {
  const { run, requests, wakes } = await listening();
  const asked = askAgent(run, systemClock, goodbyeRequest(40_000), 5_000, alone);
  expect(await eventually(() => wakes() > 0)).toBe(true);
  const [goodbye, ...more] = await requests.goodbyes();
  expect([goodbye?.withinMs, more, await requests.pending()]).toEqual([40_000, [], []]);
  await requests.answer([goodbye!.name], status);
  expect(await asked).toEqual(status);
});

it('what is no request is left alone', async () => {
  const { run, requests } = await listening();
  const id = randomUUID();
  const strangers = [
    '.hidden',
    'readme',
    '..x',
    'A'.repeat(36),
    'goodbye-',
    `goodbye--1-${id}`,
    `goodbye-${'9'.repeat(10)}-${id}`,
  ];
  for (const name of strangers) put(join(run, 'requests', name), '');
  expect([await requests.pending(), await requests.goodbyes()]).toEqual([[], []]);
});

it('a broken /run does not end the agent, and the next round is not asked for by the same word again', async () => {
  const { run, requests } = await listening();
  const names = [randomUUID(), randomUUID(), randomUUID()];
  mkdirSync(join(run, 'requests', names[0]!, 'a directory'), { recursive: true });
  put(join(run, 'requests', names[1]!), '');
  rmSync(join(run, 'answers'), { recursive: true });
  await requests.answer(await requests.pending(), status);
  expect(await requests.pending()).toEqual([]);
  expect(existsSync(join(run, 'answers', names[1]!))).toBe(true);

  rmSync(join(run, 'answers'), { recursive: true });
  writeFileSync(join(run, 'answers'), 'no directory');
  put(join(run, 'requests', names[2]!), '');
  await requests.answer(await requests.pending(), status);
  expect(await requests.pending()).toEqual([]);

  rmSync(join(run, 'requests'), { recursive: true });
  expect(await requests.pending()).toEqual([]);
});
