import { S3Error } from '../../src/aws/s3-error.ts';
import type { Store, StoredObject } from '../../src/bucket/store.ts';

/**
 * A store that holds what a test puts into it. What it is not: S3, nor sorted, nor bounded by pages; names and numbers that no
 * real store would have are welcome, which is what it is for. Reading counts, so that a test sees what was fetched.
 */
export class MemoryStore implements Store {
  readonly name = 'memory of the test';
  readonly held = new Map<string, StoredObject & { readonly text: string }>();
  readonly readKeys: string[] = [];
  /** Prefixes that were listed. */
  readonly listed: string[] = [];
  date: number | undefined = Date.UTC(2026, 10, 20);

  put(key: string, text = '', lastModified = 0): void {
    this.held.set(key, { key, text, size: Buffer.byteLength(text), etag: `${this.held.size}-${text}`, lastModified });
  }

  async list(prefix: string, delimiter: '/' | undefined) {
    this.listed.push(prefix);
    const inside = [...this.held.values()].filter(({ key }) => key.startsWith(prefix));
    const end = ({ key }: StoredObject) => (delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length));
    const deeper = inside.filter((object) => end(object) >= 0);
    return {
      objects: inside.filter((object) => end(object) < 0).map(({ text: _, ...object }) => object),
      prefixes: [...new Set(deeper.map((object) => object.key.slice(0, end(object) + 1)))],
    };
  }

  async read(object: StoredObject, sink: Parameters<Store['read']>[1]): Promise<void> {
    this.readKeys.push(object.key);
    await sink.restart();
    const held = this.held.get(object.key);
    if (held?.etag !== object.etag) throw new S3Error(412, 'PreconditionFailed', 'read', object.key);
    await sink.write(Buffer.from(held.text));
  }

  serverDate(): number | undefined {
    return this.date;
  }

  cost() {
    return { requests: this.listed.length + this.readKeys.length, bytes: 0 };
  }
}
