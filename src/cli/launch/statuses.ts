import type { BucketAddress } from '../../aws/location.ts';
import type { BucketWriter } from '../../aws/write.ts';
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
    return bytes && readStatus(bytes, id);
  }
}

function readStatus(bytes: Uint8Array, id: string): Status | undefined {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString('utf8')) as Status;
    return value.schema === 1 && value.instanceId === id && Array.isArray(value.timeline) ? value : undefined;
  } catch {
    return undefined;
  }
}
