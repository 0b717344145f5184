import { spawn } from 'node:child_process';
import type { BucketAddress, Endpoint } from '../aws/location.ts';
import type { Credentials } from '../aws/sigv4.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Log } from '../lib/log.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Facts } from '../plan/facts.ts';
import { material, type Status } from '../status/status.ts';
import { REFUSED, type UploadOrder } from './upload-order.ts';
import { uploaderFile } from './uploader-file.ts';

/** What `haulout plan --against` compares with: digests and versions of what the spec names, as of the last change. */
export interface Live {
  readonly schema: 1;
  readonly identity: Identity;
  readonly facts: Facts;
  readonly ledger: Ledger;
}

export interface UploadTarget {
  readonly endpoint: Endpoint;
  readonly state: BucketAddress;
  readonly role: string;
  /** The account that must own the bucket, where one was named. */
  readonly owner: string | undefined;
}

const TIME_LIMIT_MS = 90_000;

/**
 * Writes the status to the bucket, in a process of its own that ends: the SDK is loaded only when something is written, and
 * its 40 MB do not stay with the resident agent.
 */
export class StatusUpload {
  readonly #node: string;
  readonly #state: string;
  readonly #log: Log;
  readonly #target: UploadTarget;
  readonly #credentials: () => Promise<Credentials | undefined>;
  #written = '';
  #saidWhy = '';

  constructor(parts: {
    readonly node: string;
    /** The agent's state directory: the uploader's file is kept there. */
    readonly state: string;
    readonly log: Log;
    readonly target: UploadTarget;
    readonly credentials: () => Promise<Credentials | undefined>;
  }) {
    this.#node = parts.node;
    this.#state = parts.state;
    this.#log = parts.log;
    this.#target = parts.target;
    this.#credentials = parts.credentials;
  }

  async write(status: Status, live: Live | undefined): Promise<void> {
    const print = material(status);
    if (print === this.#written || status.instanceId === '') return;
    const credentials = await this.#credentials().catch(() => undefined);
    if (!credentials) return this.#say('this instance has no credentials: its status stays on its own disk');
    const { endpoint, state, role, owner } = this.#target;
    const base = state.prefix === '' ? '' : `${state.prefix}/`;
    const key = `${base}instances/${role}/${status.instanceId}.json`;
    const objects = [{ key, body: `${JSON.stringify(status, null, 1)}\n` }];
    if (live)
      objects.push({ key: `${base}facts/${role}/${status.instanceId}.json`, body: `${JSON.stringify(live)}\n` });
    const order = { endpoint, bucket: state.bucket, owner, credentials, objects };
    const code = await this.#run(order).catch(() => null);
    if (code === 0) {
      this.#written = print;
      this.#saidWhy = '';
    } else if (code === REFUSED) {
      this.#written = print; // the same words would be refused again
      this.#say(`the bucket refuses s3://${state.bucket}/${key}: the status stays on this disk`);
    } else {
      this.#say('the status could not be written to the bucket; it is tried again at the next sync');
    }
  }

  async #run(order: UploadOrder): Promise<number | null> {
    const program = await uploaderFile(this.#state);
    return await new Promise((resolve) => {
      const child = spawn(this.#node, [program], {
        stdio: ['pipe', 'ignore', 'ignore'],
        env: { PATH: '/usr/bin:/bin' },
        timeout: TIME_LIMIT_MS,
        killSignal: 'SIGKILL',
      });
      child.once('error', () => resolve(null));
      child.once('exit', (code) => resolve(code));
      child.stdin.on('error', () => undefined);
      child.stdin.end(JSON.stringify(order));
    });
  }

  #say(why: string): void {
    if (why !== this.#saidWhy) this.#log.info(why);
    this.#saidWhy = why;
  }
}
