import type { StateFiles } from '../ledger/state-files.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Status } from '../status/status.ts';
import { isTimeline } from '../status/timeline.ts';
import type { Presence } from './presence.ts';
import { blankStatus, readStatus, writeStatus } from './status-file.ts';
import type { Live, StatusUpload } from './upload.ts';

export interface TellerParts {
  readonly state: StateFiles;
  readonly log: Log;
  readonly clock: Clock;
  readonly role: string;
  readonly presence: Pick<Presence, 'told'>;
  readonly upload: StatusUpload;
  readonly identity: () => Identity | undefined;
}

/** Takes the status to the disk and to the bucket. */
export class Teller {
  readonly #parts: TellerParts;
  #last: Status | undefined;
  /** Of the last round that did something. */
  #acted: Status | undefined;

  constructor(parts: TellerParts) {
    this.#parts = parts;
  }

  /**
   * Resolves with the status as it is told: a look that found nothing to do says nothing of where the time goes, and the last round
   * that did something does.
   */
  async keep(status: Status): Promise<Status> {
    const { state, log } = this.#parts;
    this.#acted = status.lastSync.steps > 0 ? status : (this.#acted ?? (await actedBefore(state)));
    this.#last = isLook(status) && this.#acted ? withTimelineOf(this.#acted, status) : status;
    await writeStatus(state, this.#last, log);
    return this.#last;
  }

  async send(status: Status, live: Live | undefined): Promise<void> {
    const { log, upload } = this.#parts;
    await upload.write(status, live).catch((error) => log.warn(`the status was not written: ${error.message}`));
  }

  /** Between rounds: what the last one said, changed, and the lease as it is now. */
  async retell(change: (status: Status) => Status): Promise<void> {
    const { clock, presence } = this.#parts;
    const at = new Date(clock.now()).toISOString();
    const before = await this.#before(at);
    const status = await this.keep({ ...change(before), at, ...presence.told() });
    await this.send(status, undefined);
  }

  /** What stands on the disk may be of a boot before this one, or of the machine that this disk was copied from. */
  async #before(at: string): Promise<Status> {
    const { state, role, presence, identity } = this.#parts;
    const last = this.#last ?? (await readStatus(state.directory));
    const instanceId = identity()?.instanceId ?? '';
    const blank = blankStatus(role, instanceId, at);
    if (last?.instanceId !== instanceId) return blank;
    const isOfThisBoot = last.lease?.generation === presence.told().lease?.generation;
    return isOfThisBoot ? last : { ...blank, content: last.content };
  }
}

/** A look that failed says where. */
function isLook({ lastSync, timeline }: Status): boolean {
  return lastSync.steps === 0 && timeline.every(({ ok }) => ok);
}

function withTimelineOf({ instanceId, timeline }: Status, status: Status): Status {
  return instanceId === status.instanceId ? { ...status, timeline } : status;
}

/** By an agent that was here before. Steps have a subject, the stations of a look have none. */
async function actedBefore(state: StateFiles): Promise<Status | undefined> {
  const status = await readStatus(state.directory);
  const { timeline } = status ?? {};
  return isTimeline(timeline) && timeline.some(({ subject }) => subject !== undefined) ? status : undefined;
}
