import type { StateFiles } from '../ledger/state-files.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Status } from '../status/status.ts';
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

  constructor(parts: TellerParts) {
    this.#parts = parts;
  }

  async keep(status: Status): Promise<void> {
    this.#last = status;
    await writeStatus(this.#parts.state, status, this.#parts.log);
  }

  async send(status: Status, live: Live | undefined): Promise<void> {
    const { log, upload } = this.#parts;
    await upload.write(status, live).catch((error) => log.warn(`the status was not written: ${error.message}`));
  }

  /** Between rounds: what the last one said, changed, and the lease as it is now. */
  async retell(change: (status: Status) => Status): Promise<void> {
    const { state, clock, role, presence, identity } = this.#parts;
    const at = new Date(clock.now()).toISOString();
    const last = this.#last ?? (await readStatus(state.directory));
    const before = last ?? blankStatus(role, identity()?.instanceId ?? '', at);
    const status = { ...change(before), at, ...presence.told() };
    await this.keep(status);
    await this.send(status, undefined);
  }
}
