import type { BucketAddress } from '../../aws/location.ts';
import type { BucketWriter } from '../../aws/write.ts';
import { NotAStatus, readStatus } from '../../status/read-status.ts';
import type { Status } from '../../status/status.ts';

const LARGEST = 4 * 1024 * 1024;

/** What instances say of themselves, read one by one from the state. */
export class Statuses {
  readonly #reader: BucketWriter;
  readonly #state: BucketAddress;

  constructor(reader: BucketWriter, state: BucketAddress) {
    this.#reader = reader;
    this.#state = state;
  }

  /** Undefined where the instance has not said anything yet, or nothing that can be read. */
  async read(role: string, id: string): Promise<Status | undefined> {
    const { bucket, prefix } = this.#state;
    const key = `${prefix === '' ? '' : `${prefix}/`}instances/${role}/${id}.json`;
    const bytes = await this.#reader.get(bucket, key, LARGEST);
    try {
      return bytes && readStatus(Buffer.from(bytes), { role, instanceId: id });
    } catch (error) {
      if (error instanceof NotAStatus) return undefined;
      throw error;
    }
  }
}
