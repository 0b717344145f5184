import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Ran } from '../services/hooks.ts';
import type { JobSpec } from '../spec/spec.ts';
import { cron, runOnSchedule } from './schedule.ts';

/** What became of one run. */
export type JobEnd = Pick<Ran, 'ok' | 'code' | 'signal' | 'timedOut'>;

/**
 * The jobs in force. A job that is unchanged keeps its watch, so a sync never makes one run late or twice; one run of a job
 * at a time, each with its own time limit.
 */
export class Jobs {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #run: (job: JobSpec) => Promise<JobEnd>;
  /** By id: a job that was changed while it runs is still that job. */
  readonly #running = new Set<string>();
  readonly #active = new Map<string, { print: string; stop: AbortController }>();

  constructor(clock: Clock, log: Log, run: (job: JobSpec) => Promise<JobEnd>) {
    this.#clock = clock;
    this.#log = log;
    this.#run = run;
  }

  replace(jobs: readonly JobSpec[]): void {
    const wanted = new Map(jobs.map((job) => [job.id, { job, print: JSON.stringify({ ...job, at: null }) }]));
    for (const [id, { print, stop }] of this.#active) {
      if (wanted.get(id)?.print === print) continue;
      stop.abort();
      this.#active.delete(id);
    }
    for (const [id, { job, print }] of wanted) {
      if (this.#active.has(id)) continue;
      const stop = new AbortController();
      this.#active.set(id, { print, stop });
      void runOnSchedule(cron(job.schedule, job.timezone), this.#clock, stop.signal, () => this.#once(job));
    }
  }

  /** No new runs; one that is under way ends by itself or at its time limit. */
  stop(): void {
    this.replace([]);
  }

  async #once(job: JobSpec): Promise<void> {
    if (this.#running.has(job.id)) return;
    this.#running.add(job.id);
    try {
      const { ok, code, signal, timedOut } = await this.#run(job);
      if (ok) this.#log.info(`job:${job.id} ran`);
      else if (timedOut) this.#log.warn(`job:${job.id} did not end within its time limit`);
      else this.#log.warn(`job:${job.id} ended with ${code ?? signal}`);
    } catch (error) {
      this.#log.warn(`job:${job.id} could not run: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      this.#running.delete(job.id);
    }
  }
}
