import type { S3Client } from '@aws-sdk/client-s3';
import { type Endpoint, IN_HOST } from './location.ts';
import type { Credentials } from './sigv4.ts';

/**
 * The writing side: the SDK, loaded only when something is written. It costs 400 KB of code and three times the CPU of our
 * own reader, and in return knows every store's ways with uploads.
 */
export interface WriterOptions {
  readonly endpoint: Endpoint;
  /** Undefined: the SDK's own chain (profile, environment ...), for the desk. */
  readonly credentials?: Credentials;
  readonly profile?: string;
  /** Twelve digits: the account that must own the bucket; the store refuses when it is another. */
  readonly owner?: string | undefined;
  /** How long a connection may be silent, in milliseconds. Default 30 s. */
  readonly silentMs?: number;
}

/** What a call may take with all its tries, and for each kilobyte besides: twenty a second are the least. Milliseconds. */
const CALL_MS = 180_000;
const KILOBYTE_MS = 50;

export interface PutOptions {
  readonly contentType?: string;
  /** Fails with `exists` instead of replacing. */
  readonly createOnly?: boolean;
}

export class BucketWriter {
  readonly #options: WriterOptions;
  #client: Promise<S3Client> | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Resolves 'exists' when `createOnly` was asked and the key is taken; stores that ignore the condition just write. */
  async put(bucket: string, key: string, body: Uint8Array, how: PutOptions = {}): Promise<'written' | 'exists'> {
    const { PutObjectCommand } = await import('@aws-sdk/client-s3');
    const client = await this.#connected();
    try {
      await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: body,
          ...(how.contentType === undefined ? {} : { ContentType: how.contentType }),
          ...(how.createOnly ? { IfNoneMatch: '*' } : {}),
          ...this.#expected(),
        }),
        deadline(body.length),
      );
      return 'written';
    } catch (error) {
      if (how.createOnly && statusOf(error) === 412) return 'exists';
      // Swift answers 501 to a condition it does not know: what is content-addressed may then be written plainly.
      if (how.createOnly && statusOf(error) === 501)
        return await this.put(bucket, key, body, { ...how, createOnly: false });
      throw error;
    }
  }

  /** The desk reads now and then too; undefined where there is no such key. */
  async get(bucket: string, key: string, limit: number): Promise<Uint8Array | undefined> {
    const { GetObjectCommand } = await import('@aws-sdk/client-s3');
    const client = await this.#connected();
    try {
      const command = new GetObjectCommand({ Bucket: bucket, Key: key, ...this.#expected() });
      const { Body } = await client.send(command, deadline(limit));
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of (Body ?? []) as AsyncIterable<Uint8Array>) {
        size += chunk.length;
        if (size > limit) throw new Error(`the object is larger than ${limit} bytes`);
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    } catch (error) {
      const missing = error instanceof Error && error.name !== 'NoSuchBucket' && statusOf(error) === 404;
      if (missing) return undefined;
      throw error;
    }
  }

  /** Done as well where there is no such key. */
  async delete(bucket: string, key: string): Promise<void> {
    const { DeleteObjectCommand } = await import('@aws-sdk/client-s3');
    const client = await this.#connected();
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, ...this.#expected() }), deadline(0));
  }

  close(): void {
    void this.#client?.then((client) => client.destroy());
  }

  #expected(): { ExpectedBucketOwner?: string } {
    const { owner } = this.#options;
    return owner === undefined ? {} : { ExpectedBucketOwner: owner };
  }

  #connected(): Promise<S3Client> {
    this.#client ??= connect(this.#options);
    return this.#client;
  }
}

function deadline(bytes: number): { abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(CALL_MS + Math.ceil(bytes / 1024) * KILOBYTE_MS) };
}

async function connect(options: WriterOptions): Promise<S3Client> {
  // Node 20 still works; the SDK's yearly reminder would land in every journal.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  const { S3Client } = await import('@aws-sdk/client-s3');
  const { url, region } = options.endpoint;
  return new S3Client({
    region,
    maxAttempts: 4,
    // Checksum trailers are refused by Swift (501) and radosgw (411); the body's own hash is signed all the same.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Not `requestTimeout`: the SDK only warns then, and a large upload takes its time.
    requestHandler: { connectionTimeout: 5_000, socketTimeout: options.silentMs ?? 30_000 },
    followRegionRedirects: true,
    ...(url === undefined ? {} : { endpoint: url.replace(IN_HOST, '//'), forcePathStyle: !url.includes(IN_HOST) }),
    ...(options.credentials ? { credentials: options.credentials } : {}),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
  });
}

/** HTTP status of an SDK error, undefined for others. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata as { httpStatusCode?: number } | undefined;
  return metadata?.httpStatusCode;
}
