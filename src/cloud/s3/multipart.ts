import { randomBytes } from 'node:crypto';
import type { Algorithm, Checksum, ChecksumType } from './checksums.ts';
import type { Content } from './content.ts';
import { S3Error } from './errors.ts';
import { compareKeys } from './key-order.ts';
import type { ObjectStore } from './objects.ts';

export interface Part {
  readonly number: number;
  readonly content: Content;
  readonly lastModified: number;
  readonly checksum: Checksum | undefined;
}

export interface Upload {
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  readonly initiated: number;
  readonly headers: Readonly<Record<string, string>>;
  /** What the parts must carry; undefined: what they carry is checked and forgotten. */
  readonly checksum: { readonly algorithm: Algorithm; readonly type: ChecksumType } | undefined;
  readonly parts: Map<number, Part>;
}

/** The uploads that were begun and neither completed nor aborted. */
export class Uploads {
  readonly #store: ObjectStore;
  readonly #uploads = new Map<string, Upload>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  begin(draft: Pick<Upload, 'bucket' | 'key' | 'headers' | 'checksum'>): Upload {
    const id = randomBytes(24).toString('base64url');
    const upload: Upload = { ...draft, id, initiated: this.#store.now(), parts: new Map() };
    this.#uploads.set(id, upload);
    return upload;
  }

  find(bucket: string, key: string, id: string): Upload {
    const upload = this.#uploads.get(id);
    if (!upload || upload.bucket !== bucket || upload.key !== key) {
      throw new S3Error('NoSuchUpload', { fields: { UploadId: id } });
    }
    return upload;
  }

  /** By key, then by the time they were begun. */
  of(bucket: string): readonly Upload[] {
    return [...this.#uploads.values()]
      .filter((upload) => upload.bucket === bucket)
      .sort((a, b) => compareKeys(a.key, b.key) || a.initiated - b.initiated || compareKeys(a.id, b.id));
  }

  /** Takes the content over. A part sent again replaces the one before; one that comes after the end is refused. */
  async keep(upload: Upload, draft: Omit<Part, 'lastModified'>): Promise<Part> {
    if (this.#uploads.get(upload.id) !== upload) {
      await this.#store.contents.discard(draft.content);
      throw new S3Error('NoSuchUpload', { fields: { UploadId: upload.id } });
    }
    const part: Part = { ...draft, lastModified: this.#store.now() };
    const replaced = upload.parts.get(part.number);
    upload.parts.set(part.number, part);
    if (replaced) await this.#store.contents.discard(replaced.content);
    return part;
  }

  /** Nobody else can find the upload from now on: what completes it works alone. */
  close(upload: Upload): void {
    this.#uploads.delete(upload.id);
  }

  /** Undoes `close` when completing failed, so that the client may try again. */
  reopen(upload: Upload): void {
    this.#uploads.set(upload.id, upload);
  }

  async discardParts(upload: Upload): Promise<void> {
    for (const part of upload.parts.values()) await this.#store.contents.discard(part.content);
    upload.parts.clear();
  }
}
