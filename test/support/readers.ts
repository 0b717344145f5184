import { onTestFinished } from 'vitest';
import { BucketReader, type ReaderOptions, type Sink } from '../../src/aws/read.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { KEY, REGION, type RunningS3, startS3 } from './s3.ts';

/** A reader of `bkt` at an endpoint, impatient where the real one is patient: 3 tries, pauses of a millisecond or two. */
export function readerAt(url: string, options: Partial<ReaderOptions> = {}): BucketReader {
  const reader = new BucketReader({
    endpoint: { url, region: REGION },
    bucket: 'bkt',
    credentials: async () => KEY,
    clock: systemClock,
    random: () => 0.5,
    retry: { attempts: 3, baseMs: 1, capMs: 2 },
    ...options,
  });
  onTestFinished(() => reader.close());
  return reader;
}

/** A real endpoint for one test. */
export async function s3ForTest(options: Parameters<typeof startS3>[0] = {}): Promise<RunningS3> {
  const s3 = await startS3(options);
  onTestFinished(() => s3.close());
  return s3;
}

/** Bytes in memory, and what happened to them. */
export class MemorySink implements Sink {
  #chunks: Buffer[] = [];
  restarts = 0;
  /** Over all tries. */
  written = 0;
  /** Of any one try. */
  most = 0;

  restart(): void {
    this.restarts++;
    this.#chunks = [];
  }

  write(chunk: Buffer): void {
    this.#chunks.push(Buffer.from(chunk));
    this.written += chunk.length;
    this.most = Math.max(this.most, this.bytes.length);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }
}

/** What a promise was rejected with; fails the test when it was not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => {
      throw new Error('this was to be refused, and was not');
    },
    (error: unknown) => error,
  );
}
