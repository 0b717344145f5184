import type { BucketAddress } from '../../aws/location.ts';
import type { BucketReader } from '../../aws/read.ts';
import type { BucketWriter } from '../../aws/write.ts';
import { HauloutError } from '../../lib/errors.ts';
import { atDesk } from '../fleet/place.ts';
import { type LaunchRecord, readLaunchRecord } from './launch-record.ts';

/** A record is less than a kilobyte. */
const LARGEST = 16 * 1024;
/** So many are looked at, the newest of them. */
const MOST = 50;

export interface FoundRecords {
  readonly records: readonly LaunchRecord[];
  /** Addresses of what is no record, or cannot be read as one. */
  readonly unreadable: readonly string[];
  /** How many were not looked at. */
  readonly more: number;
}

/** Where launches of a role are written down: `<state>/operations/launch-<role>-<token>.json`. */
export class LaunchRecords {
  readonly #writer: BucketWriter;
  readonly #reader: BucketReader;
  readonly #bucket: string;
  readonly #head: string;
  readonly #role: string;

  constructor(writer: BucketWriter, reader: BucketReader, state: BucketAddress, role: string) {
    this.#writer = writer;
    this.#reader = reader;
    this.#bucket = state.bucket;
    this.#head = `${state.prefix === '' ? '' : `${state.prefix}/`}operations/launch-${role}-`;
    this.#role = role;
  }

  address(token: string): string {
    return `s3://${this.#bucket}/${this.#key(token)}`;
  }

  /** Those of this role, the newest first. */
  async find(): Promise<FoundRecords> {
    const { objects } = await atDesk(this.#bucket, () => this.#reader.list(this.#head, undefined));
    const newest = [...objects].sort((one, two) => two.lastModified - one.lastModified).slice(0, MOST);
    const records: LaunchRecord[] = [];
    const unreadable: string[] = [];
    for (const { key, size } of newest) {
      const found = size > LARGEST ? 'unreadable' : await this.#read(key);
      if (found === 'unreadable') unreadable.push(`s3://${this.#bucket}/${key}`);
      else if (found) records.push(found);
    }
    return { records, unreadable, more: objects.length - newest.length };
  }

  /** Rejects before anything is launched that would not be written down. */
  async write(record: LaunchRecord): Promise<void> {
    const body = Buffer.from(`${JSON.stringify(record, null, 1)}\n`);
    const how = { contentType: 'application/json' };
    await this.#writer.put(this.#bucket, this.#key(record.token), body, how).catch((error: unknown) => {
      throw new HauloutError(
        {
          code: 'launch-not-written',
          step: 'bucket',
          subject: this.address(record.token),
          reason: `the launch cannot be written down (${error instanceof Error ? error.name : 'unknown'}), so nothing was launched`,
          hint: 'may these keys write there? `haulout doctor --policy desk` prints what they need',
        },
        error,
      );
    });
  }

  async remove(token: string): Promise<void> {
    await this.#writer.delete(this.#bucket, this.#key(token));
  }

  /** undefined: deleted meanwhile, or of another role whose name begins like this one's. */
  async #read(key: string): Promise<LaunchRecord | 'unreadable' | undefined> {
    const bytes = await atDesk(this.#bucket, () => this.#reader.readSmall(key, LARGEST)).catch(whereTooLong);
    if (!bytes) return undefined;
    if (bytes === 'unreadable') return bytes;
    const record = readLaunchRecord(bytes);
    if (record && record.role !== this.#role) return undefined;
    return record && this.#key(record.token) === key ? record : 'unreadable';
  }

  #key(token: string): string {
    return `${this.#head}${encodeURIComponent(token)}.json`;
  }
}

function whereTooLong(error: unknown): 'unreadable' {
  if (error instanceof HauloutError && error.code === 'answer-too-long') return 'unreadable';
  throw error;
}
