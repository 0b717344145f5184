import pLimit from 'p-limit';
import type { ListedObject } from '../../aws/listing-xml.ts';
import { S3Error } from '../../aws/s3-error.ts';
import { HauloutError } from '../../lib/errors.ts';
import { NotAStatus, parseStatusName, readStatus } from '../../status/read-status.ts';
import type { Status } from '../../status/status.ts';
import { AT_ONCE, atDesk, type Place } from './place.ts';
import { type Row, rowOf, type Unreadable } from './row.ts';

/** Larger than any status: what is larger is not fetched. */
export const LARGEST_STATUS = 1024 * 1024;

/** A fleet at one moment. */
export interface FleetView {
  /** By the store's own clock, as leases are held against it: that of a desk may be wrong by hours. */
  readonly now: number;
  readonly rows: readonly Row[];
  readonly unreadable: readonly Unreadable[];
}

type Entry = { readonly row: Row } | { readonly unreadable: Unreadable };

/** What was made of an object; undefined: it is gone since it was listed. */
interface Known {
  /** The object as it was listed; undefined: to be read again in any case. */
  readonly print: string | undefined;
  readonly entry: Entry | undefined;
}

/** Reads what all instances of a state say of themselves, and again only what has changed since. */
export class FleetReader {
  readonly #place: Place;
  readonly #base: string;
  readonly #onStatus: (row: Row, status: Status) => void;
  /** By key, in the order of the listing. */
  #known = new Map<string, Known>();

  /** `onStatus` sees each status whole, once; it is not kept. */
  constructor(place: Place, onStatus: (row: Row, status: Status) => void = () => undefined) {
    this.#place = place;
    this.#base = place.key('instances/');
    this.#onStatus = onStatus;
  }

  async look(): Promise<FleetView> {
    const { reader, state, role } = this.#place;
    return await atDesk(state.bucket, async () => {
      const { objects } = await reader.list(this.#base + (role === undefined ? '' : `${role}/`), undefined);
      const limit = pLimit(AT_ONCE);
      const found = await Promise.all(
        objects.map((object) => limit(async () => [object.key, await this.#look(object)] as const)),
      );
      this.#known = new Map(found);
      const entries = found.map(([, { entry }]) => entry).filter((entry) => entry !== undefined);
      return {
        now: reader.serverDate ?? Date.now(),
        rows: entries.flatMap((entry) => ('row' in entry ? [entry.row] : [])),
        unreadable: entries.flatMap((entry) => ('row' in entry ? [] : [entry.unreadable])),
      };
    });
  }

  async #look(object: ListedObject): Promise<Known> {
    const print = `${object.etag} ${object.size} ${object.lastModified}`;
    const known = this.#known.get(object.key);
    if (known?.print === print) return known;
    return await this.#read(object, print);
  }

  async #read({ key, size, lastModified: heard }: ListedObject, print: string): Promise<Known> {
    const path = key.slice(this.#base.length);
    const not = (reason: string) => ({ print, entry: { unreadable: { path, reason, heard } } });
    const name = parseStatusName(path);
    if (!name) return not('its name is not ROLE/INSTANCE.json');
    if (size > LARGEST_STATUS) return not(`it has ${size} bytes`);
    try {
      const bytes = await this.#place.reader.readSmall(key, LARGEST_STATUS);
      if (!bytes) return { print: undefined, entry: undefined };
      const status = readStatus(bytes, name);
      const row = rowOf(status, heard);
      this.#onStatus(row, status);
      return { print, entry: { row } };
    } catch (error) {
      // A permission may be given meanwhile: that changes nothing of the object.
      return { ...not(reasonOf(error)), print: error instanceof S3Error ? undefined : print };
    }
  }
}

/** What is wrong with one object is no trouble of the others; what is wrong with the store is thrown. */
function reasonOf(error: unknown): string {
  if (error instanceof NotAStatus) return error.message;
  if (error instanceof S3Error && error.status === 403) return `it may not be read (${error.s3Code})`;
  if (error instanceof HauloutError && error.code === 'answer-too-long') return error.reason;
  throw error;
}
