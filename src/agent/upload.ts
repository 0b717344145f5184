import { S3Error } from '../aws/s3-error.ts';
import type { Credentials } from '../aws/sigv4.ts';
import type { SmallObjects } from '../aws/small-objects.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock } from '../lib/clock.ts';
import { sha256 } from '../lib/digest.ts';
import type { Log } from '../lib/log.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Facts } from '../plan/facts.ts';
import { material, type Status } from '../status/status.ts';
import type { Settings } from '../userdata/settings.ts';

/** What `haulout plan --against` compares with: digests and versions of what the spec names, as of the last change. */
export interface Live {
  readonly schema: 1;
  readonly identity: Identity;
  readonly facts: Facts;
  readonly ledger: Ledger;
}

export interface UploadParts {
  readonly log: Log;
  readonly clock: Pick<Clock, 'elapsed'>;
  readonly settings: Pick<Settings, 'state' | 'role'>;
  /** Of the state's bucket; made when it is first needed, because where it is may be known only after the first round. */
  readonly objects: () => Pick<SmallObjects, 'put'>;
  readonly credentials: () => Promise<Credentials | undefined>;
}

/** The lease is renewed at each sync, but not every two seconds where somebody syncs that often. */
const RENEW_MS = 60_000;
/** A permission may be given later, and is no news of ours: it is looked for now and then. */
const REFUSED_MS = 3_600_000;

/** Writes the status to the bucket: when there is news, and to renew the lease. */
export class StatusUpload {
  readonly #parts: UploadParts;
  #written = '';
  /** When the same words are written again. */
  #dueAt = Number.NEGATIVE_INFINITY;
  #saidWhy = '';

  constructor(parts: UploadParts) {
    this.#parts = parts;
  }

  async write(status: Status, live: Live | undefined): Promise<void> {
    const print = material(status);
    const isNews = print !== this.#written;
    if (status.instanceId === '' || !(isNews || this.#clock() >= this.#dueAt)) return;
    const { state, role } = this.#parts.settings;
    const credentials = await this.#parts.credentials().catch(() => undefined);
    if (!credentials) return this.#say('this instance has no credentials: its status stays on its own disk');
    const base = state.prefix === '' ? '' : `${state.prefix}/`;
    const key = `${base}instances/${role}/${status.instanceId}.json`;
    const objects = this.#parts.objects();
    try {
      await objects.put(key, Buffer.from(`${JSON.stringify(bounded(status), null, 1)}\n`), JSON_TYPE);
      if (live && isNews) {
        const facts = `${base}facts/${role}/${status.instanceId}.json`;
        await objects.put(facts, Buffer.from(`${JSON.stringify(withoutLines(live))}\n`), JSON_TYPE);
      }
      this.#keep(print, RENEW_MS);
      this.#saidWhy = '';
    } catch (error) {
      if (!isRefusal(error))
        return this.#say('the status could not be written to the bucket; it is tried again at the next sync');
      this.#keep(print, REFUSED_MS); // the same words would be refused again
      this.#say(`the bucket refuses s3://${state.bucket}/${key}: the status stays on this disk`);
    }
  }

  #keep(print: string, pauseMs: number): void {
    this.#written = print;
    this.#dueAt = this.#clock() + pauseMs;
  }

  #clock(): number {
    return this.#parts.clock.elapsed();
  }

  #say(why: string): void {
    if (why !== this.#saidWhy) this.#parts.log.info(why);
    this.#saidWhy = why;
  }
}

/** Law 7: digests and names, never contents. A line that takes an announcement back may hold a secret. */
function withoutLines({ ledger, ...live }: Live): Live {
  const subjects = Object.entries(ledger.subjects).map(([subject, record]) => {
    const { down } = record.announced ?? {};
    return [
      subject,
      down === undefined ? record : { ...record, announced: { ...record.announced, down: sha256(down) } },
    ];
  });
  return { ...live, ledger: { ...ledger, subjects: Object.fromEntries(subjects) } };
}

/** As many as anybody reads; the others stay on this disk. `steps` says how many there were. */
const MOST_CHANGED = 1_000;

/** The first boot of a role with many files changes them all: whole, such a status would be too large for those who read many of them. */
function bounded(status: Status): Status {
  const { lastSync } = status;
  return { ...status, lastSync: { ...lastSync, changed: lastSync.changed.slice(0, MOST_CHANGED) } };
}

const JSON_TYPE = 'application/json';
/** 408 and 429 are the store's own trouble, and pass. */
const PASSING = [408, 429];

function isRefusal(error: unknown): boolean {
  return error instanceof S3Error && error.status >= 400 && error.status < 500 && !PASSING.includes(error.status);
}
