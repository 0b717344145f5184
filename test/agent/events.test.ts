import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type AgentEvent, EventLog } from '../../src/agent/events.ts';
import type { Status } from '../../src/status/status.ts';
import { put, scratch } from '../support/scratch.ts';

const LARGEST = 2 * 1024 * 1024;

function statusOf(more: Partial<Status> = {}, steps = 0): Status {
  const lastSync = { startedAt: 'x', ms: 1, steps, changed: [], requests: 0, bytes: 0 };
  const nothing = { services: [], waiting: [], waited: [], notes: [], timeline: [] };
  return {
    schema: 1,
    instanceId: 'i-1',
    role: 'r',
    at: 'now',
    health: 'healthy',
    content: {},
    lastSync,
    ...nothing,
    ...more,
  };
}

function eventsIn(directory: string): AgentEvent[] {
  const lines = readFileSync(join(directory, 'events.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as AgentEvent);
}

it('steps come in their order before the round they are of, in a file that only root reads', async () => {
  const directory = join(scratch(), 'log');
  const log = new EventLog(directory);
  for (let number = 0; number < 20; number++)
    log.step({ step: 'files', subject: `file:/${number}`, from: number, ms: 1, ok: true });
  await log.round(statusOf({}, 20), false);
  const events = eventsIn(directory);
  expect(events.map((event) => (event.event === 'step' ? event.from : event.event))).toEqual([
    ...Array.from({ length: 20 }, (_, index) => index),
    'round',
  ]);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, 'events.jsonl')).mode & 0o777).toBe(0o600);
});

it('a round is news when it did something, was asked for or changed the health; looking is news once', async () => {
  const directory = scratch();
  const log = new EventLog(directory);
  const looking = { step: 'facts', from: 0, ms: 1, ok: true };
  const count = () => eventsIn(directory).length;
  log.step(looking);
  await log.round(statusOf(), false);
  expect(count()).toBe(2);
  log.step(looking);
  await log.round(statusOf({ at: 'later' }), false);
  expect(count()).toBe(2);
  log.step({ ...looking, step: 'service' });
  await log.round(statusOf({ health: 'degraded' }), false);
  expect(count()).toBe(4);
  await log.round(statusOf({ health: 'degraded' }), true);
  await log.round(statusOf({ health: 'degraded' }, 1), false);
  expect(count()).toBe(6);
});

it('it is bounded: a full log makes room, and one older is kept', async () => {
  const directory = scratch();
  const log = new EventLog(directory);
  const path = join(directory, 'events.jsonl');
  put(`${path}.1`, 'the oldest');
  put(path, 'x'.repeat(LARGEST + 1));
  await log.round(statusOf(), true);
  expect(eventsIn(directory)).toHaveLength(1);
  expect(statSync(`${path}.1`).size).toBe(LARGEST + 1);
  const notes = ['n'.repeat(100_000)];
  for (let number = 0; number < 60; number++) await log.round(statusOf({ notes }), true);
  expect(statSync(path).size + statSync(`${path}.1`).size).toBeLessThan(2 * (LARGEST + 200_000));
  expect(statSync(path).size).toBeGreaterThan(0);
});

it.each<[string, (directory: string) => void]>([
  ['the directory is a file', (directory) => put(directory, '')],
  ['the directory is a link to nothing', (directory) => symlinkSync('/nowhere/at/all', directory)],
  ['a directory is in its place', (directory) => mkdirSync(join(directory, 'events.jsonl/x'), { recursive: true })],
  ['the disk takes nothing', (directory) => symlinkSync('/dev/full', join(made(directory), 'events.jsonl'))],
  ['a pipe that nobody reads', (directory) => spawnSync('mkfifo', [join(made(directory), 'events.jsonl')])],
])('a log that cannot be written stops nothing: %s', async (_what, make) => {
  const directory = join(scratch(), 'log');
  make(directory);
  const log = new EventLog(directory);
  log.step({ step: 'files', from: 0, ms: 1, ok: true });
  await log.round(statusOf(), true);
  await log.round(statusOf(), true);
});

function made(directory: string): string {
  mkdirSync(directory);
  return directory;
}
