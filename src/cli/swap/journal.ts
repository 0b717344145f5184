import type { BucketAddress } from '../../aws/location.ts';
import type { BucketWriter } from '../../aws/write.ts';
import type { Clock } from '../../lib/clock.ts';
import { HauloutError } from '../../lib/errors.ts';
import { isDead, newOwner, type Owner } from '../owner.ts';
import { isOver, type Operation, readOperation } from './operation.ts';

const SIGN_MS = 5_000;
const SILENT_MS = 20_000;
const LARGEST = 256 * 1024;

/**
 * Where a swap is written down: `<state>/operations/swap-<old>.json`. One run at a time works at it, by signs of life and not by a lock:
 * stores differ in what they make of conditions, and a step that two take at once is taken once.
 */
export class Journal {
  readonly key: string;
  readonly #writer: BucketWriter;
  readonly #bucket: string;
  readonly #clock: Clock;
  readonly #me = newOwner();
  #last: Operation | undefined;
  /** The sign of life, of somebody else, that stood there when we began. */
  #known: string | undefined;
  #writing: Promise<void> = Promise.resolve();
  #sign: NodeJS.Timeout | undefined;
  #lost: unknown;

  constructor(writer: BucketWriter, state: BucketAddress, old: string, clock: Clock) {
    this.#writer = writer;
    this.#bucket = state.bucket;
    this.#clock = clock;
    this.key = `${state.prefix === '' ? '' : `${state.prefix}/`}operations/swap-${old}.json`;
  }

  /**
   * What is written down, once nobody else works at it; undefined where nothing is. What is over is told where the old instance has ended
   * by it, or where it was waited for: it was what this run would have been.
   */
  async open(say: (words: string) => void): Promise<Operation | undefined> {
    // A sign is known by being another one than before, not by its age: the clock of another desk may be wrong by hours.
    let last: { readonly sign: string; readonly heard: number } | undefined;
    for (;;) {
      const found = await this.#read();
      this.#known = found && signOf(found);
      if (!found) return undefined;
      if (isOver(found)) return last || found.step === 'done' ? found : undefined;
      if (isDead(found.owner)) return found;
      if (!last)
        say(`another run works at this swap (${found.owner.host}, process ${found.owner.pid}): waiting for it`);
      if (last?.sign !== signOf(found)) last = { sign: signOf(found), heard: this.#clock.elapsed() };
      else if (this.#clock.elapsed() - last.heard >= SILENT_MS) return found;
      await this.#clock.sleep(1_000);
    }
  }

  /** Writes it down as ours, and gives signs of life from then on. */
  async write(operation: Omit<Operation, 'owner'>): Promise<Operation> {
    if (this.#lost) throw this.#lost;
    const mine = { ...operation, owner: this.#signed() };
    this.#last = mine;
    await this.#put(mine);
    this.#sign ??= setInterval(() => this.#giveSign(), SIGN_MS).unref();
    return mine;
  }

  close(): void {
    clearInterval(this.#sign);
  }

  #giveSign(): void {
    const last = this.#last;
    if (last) void this.#put({ ...last, owner: this.#signed() }, last).catch(() => undefined);
  }

  /** One after the other; a sign of life that was overtaken by a step is left out. */
  #put(operation: Operation, sign?: Operation): Promise<void> {
    const turn = this.#writing.then(async () => {
      if (sign && sign !== this.#last) return;
      const found = await this.#read();
      if (found && found.owner.id !== this.#me.id && signOf(found) !== this.#known) throw this.#takenOver(found);
      await this.#writer.put(this.#bucket, this.key, Buffer.from(`${JSON.stringify(operation, null, 1)}\n`), {
        contentType: 'application/json',
      });
    });
    this.#writing = turn.catch(() => undefined);
    return turn;
  }

  /** Somebody else has given a sign since we began: we were silent for too long, and it is theirs now. */
  #takenOver({ owner }: Operation): HauloutError {
    const error = new HauloutError({
      code: 'operation-taken-over',
      step: 'swap',
      subject: `s3://${this.#bucket}/${this.key}`,
      reason: `another run works at this swap now (${owner.host}, process ${owner.pid})`,
      hint: 'let it: it says there how it ended',
    });
    this.#lost = error;
    return error;
  }

  async #read(): Promise<Operation | undefined> {
    const bytes = await this.#writer.get(this.#bucket, this.key, LARGEST);
    return bytes && readOperation(bytes, `s3://${this.#bucket}/${this.key}`);
  }

  #signed(): Owner {
    return { ...this.#me, at: new Date(this.#clock.now()).toISOString() };
  }
}

function signOf({ owner: { id, at } }: Operation): string {
  return `${id} ${at}`;
}
