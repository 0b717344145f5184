import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keepLaunchWaits, WaitBook } from '../../src/agent/wait-book.ts';
import { StateFiles } from '../../src/ledger/state-files.ts';
import { lineLog } from '../../src/lib/log.ts';
import { VirtualClock } from '../support/clock.ts';
import { scratch } from '../support/scratch.ts';

const BOOT = '4e3f1f4e-0000-4000-8000-000000000001';
const refused = { code: 'ECONNREFUSED' };
const launched = {
  step: 'metadata',
  subject: 'meta-data/instance-id',
  code: 'ECONNREFUSED',
  since: 'then',
  ms: 60_000,
  over: true,
};

async function life(state: StateFiles, clock = new VirtualClock(), bootId = BOOT) {
  const lines: string[] = [];
  const book = await WaitBook.open(
    state,
    bootId,
    clock,
    lineLog((line) => lines.push(line)),
  );
  const wait = (step: string, ms: number) => {
    const from = clock.elapsed();
    clock.advance(ms);
    book.for(step, step).missed(refused, from);
    book.for(step, step).over();
  };
  const short = () => book.told().map(({ step, ms, boot }) => [boot ? 'boot' : 'last', step, ms]);
  return { book, wait, short, lines };
}

it('the boot is what was waited for until a round ended well; then it is the last round that waited', async () => {
  const { book, wait, short, lines } = await life(new StateFiles(scratch()));
  wait('metadata', 4_000);
  await book.turn('failed');
  wait('bucket', 3_000);
  await book.turn('healthy');
  expect(short()).toEqual([
    ['boot', 'metadata', 4_000],
    ['boot', 'bucket', 3_000],
  ]);
  wait('settle', 5_000);
  await book.turn('healthy');
  await book.turn('healthy');
  wait('packages', 100);
  await book.turn('degraded');
  expect(short().slice(2)).toEqual([['last', 'settle', 5_000]]);
  wait('packages', 7_000);
  expect(short().slice(2)).toEqual([['last', 'packages', 7_000]]);
  expect(lines.map((line) => line.slice(25).trim())).toEqual([
    'info  metadata: metadata (ECONNREFUSED): waiting',
    'info  metadata: metadata (ECONNREFUSED): waited 4.0 s',
    'info  bucket: bucket (ECONNREFUSED): waiting',
    'info  bucket: bucket (ECONNREFUSED): waited 3.0 s',
    'info  settle: settle (ECONNREFUSED): waiting',
    'info  settle: settle (ECONNREFUSED): waited 5.0 s',
    'info  packages: packages (ECONNREFUSED): waiting',
    'info  packages: packages (ECONNREFUSED): waited 7.0 s',
  ]);
});

it('an agent that is started again goes on with the boot’s, the script’s among them; another boot begins anew', async () => {
  const state = new StateFiles(scratch());
  await keepLaunchWaits(state, BOOT, [launched]);
  const first = await life(state);
  first.wait('bucket', 2_000);
  await first.book.turn('failed');
  const second = await life(state);
  second.wait('bucket', 1_000);
  expect(second.short()).toEqual([
    ['boot', 'metadata', 60_000],
    ['boot', 'bucket', 3_000],
  ]);
  await second.book.turn('healthy');
  const third = await life(state);
  third.wait('bucket', 9_000);
  expect(third.short().at(-1)).toEqual(['last', 'bucket', 9_000]);
  expect((await life(state, new VirtualClock(), BOOT.replace(/1$/, '2'))).short()).toEqual([]);
});

it.each<[string, (path: string) => void]>([
  ['torn', (path) => writeFileSync(path, '{"bootId":"4e3f')],
  ['of another shape', (path) => writeFileSync(path, `{"bootId":"${BOOT}","booting":true,"waits":[{"ms":"x"}]}`)],
  [
    'without end',
    (path) => writeFileSync(path, JSON.stringify({ bootId: BOOT, booting: true, waits: Array(200).fill(launched) })),
  ],
  ['a directory', (path) => mkdirSync(path)],
])('a book that is %s is an empty one (law 5)', async (_, damage) => {
  const directory = scratch();
  damage(join(directory, 'waits.json'));
  const { book, wait, short } = await life(new StateFiles(directory));
  expect(short()).toEqual([]);
  wait('bucket', 2_000);
  await book.turn('failed');
  expect((await life(new StateFiles(directory))).short()).toEqual([['boot', 'bucket', 2_000]]);
});

it('a book that cannot be kept ends no round', async () => {
  const directory = scratch();
  const { book, wait, short } = await life(new StateFiles(join(directory, 'state')));
  rmSync(join(directory, 'state'), { recursive: true, force: true });
  writeFileSync(join(directory, 'state'), 'a file');
  chmodSync(directory, 0o700);
  wait('bucket', 2_000);
  await book.turn('failed');
  expect(short()).toEqual([['boot', 'bucket', 2_000]]);
});
