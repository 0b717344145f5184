import { expect, it } from 'vitest';
import { type JobEnd, Jobs } from '../../src/agent/jobs.ts';
import type { Log } from '../../src/lib/log.ts';
import type { JobSpec } from '../../src/spec/spec.ts';
import { AT, jobSpec } from '../support/planned.ts';
import { SteppedClock } from '../support/stepped-clock.ts';

const MINUTE = 60_000;
const WELL: JobEnd = { ok: true, code: 0, signal: null, timedOut: false };

interface Bench {
  readonly clock: SteppedClock;
  readonly jobs: Jobs;
  /** `id line at the minute`, as they begin. */
  readonly began: string[];
  readonly said: string[];
}

function bench(run?: (job: JobSpec, clock: SteppedClock) => Promise<JobEnd>): Bench {
  const clock = new SteppedClock();
  const began: string[] = [];
  const said: string[] = [];
  const say = (level: string) => (text: string) => said.push(`${level} ${text}`);
  const log: Log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  const jobs = new Jobs(clock, log, async (job) => {
    began.push(`${job.id} ${job.run} ${Math.floor(clock.elapsed() / MINUTE)}`);
    return (await run?.(job, clock)) ?? WELL;
  });
  return { clock, jobs, began, said };
}

it('jobs run at their times, each for itself', async () => {
  const { clock, jobs, began, said } = bench();
  jobs.replace([jobSpec('a', { schedule: '*/2 * * * *' }), jobSpec('b', { schedule: '3 * * * *' })]);
  await clock.advance(5 * MINUTE + 1_000);
  expect(began).toEqual(['a true 2', 'b true 3', 'a true 4']);
  expect(said).toEqual(['info job:a ran', 'info job:b ran', 'info job:a ran']);
  jobs.stop();
  await clock.advance(10 * MINUTE);
  expect(began).toHaveLength(3);
});

it('an unchanged job is not restarted by a sync: it runs neither late nor twice', async () => {
  const { clock, jobs, began } = bench();
  const every = () => [jobSpec('a', { schedule: '*/5 * * * *', at: { ...AT, line: began.length + 9 } })];
  jobs.replace(every());
  // Syncs all the time, also in the very minute it comes due.
  for (let time = 0; time < 31 * 60; time += 7) {
    await clock.advance(7_000);
    jobs.replace(every());
  }
  expect(began).toEqual([5, 10, 15, 20, 25, 30].map((minute) => `a true ${minute}`));
  jobs.stop();
});

it('a changed job runs in its new way from now on, one that is gone no more', async () => {
  const { clock, jobs, began } = bench();
  jobs.replace([jobSpec('a'), jobSpec('b', { schedule: '*/2 * * * *' })]);
  await clock.advance(2 * MINUTE + 1_000);
  jobs.replace([jobSpec('a', { run: 'other' })]);
  await clock.advance(2 * MINUTE);
  expect(began).toEqual(['a true 1', 'a true 2', 'b true 2', 'a other 3', 'a other 4']);
  jobs.stop();
});

it('a job never runs beside itself, although it is changed while it runs', async () => {
  let [running, most] = [0, 0];
  const { clock, jobs, began } = bench(async (_job, time) => {
    most = Math.max(most, ++running);
    await time.sleep(5 * MINUTE);
    running--;
    return WELL;
  });
  jobs.replace([jobSpec('a')]);
  await clock.advance(2 * MINUTE + 1_000);
  jobs.replace([jobSpec('a', { run: 'other' })]);
  await clock.advance(10 * MINUTE);
  jobs.stop();
  expect(most).toBe(1);
  expect(began.slice(0, 2)).toEqual(['a true 1', expect.stringMatching(/^a other [67]$/)]);
});

it.each<[string, () => Promise<JobEnd>, string]>([
  ['fails', async () => ({ ...WELL, ok: false, code: 3 }), 'warn job:a ended with 3'],
  ['is killed', async () => ({ ...WELL, ok: false, code: null, signal: 'SIGKILL' }), 'warn job:a ended with SIGKILL'],
  [
    'ends well when its time is over',
    async () => ({ ...WELL, ok: false, timedOut: true }),
    'warn job:a did not end within its time limit',
  ],
  ['cannot be run', () => Promise.reject(new Error('no such user')), 'warn job:a could not run: no such user'],
])('a job that %s is said, and runs again at its next time', async (_what, run, words) => {
  const { clock, jobs, began, said } = bench(run);
  jobs.replace([jobSpec('a')]);
  await clock.advance(3 * MINUTE + 1_000);
  jobs.stop();
  expect(began).toHaveLength(3);
  expect(said).toEqual([words, words, words]);
});
