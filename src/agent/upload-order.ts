import type { Endpoint } from '../aws/location.ts';
import type { Credentials } from '../aws/sigv4.ts';
import { BucketWriter, statusOf } from '../aws/write.ts';

/** What the short-lived uploader is told, on its standard input: never in argv or the environment. */
export interface UploadOrder {
  readonly endpoint: Endpoint;
  readonly bucket: string;
  /** The account that must own the bucket, where one was named. */
  readonly owner?: string | undefined;
  readonly credentials: Credentials;
  readonly objects: readonly { readonly key: string; readonly body: string }[];
}

/** Exit code of the uploader: refused, and the same words would be refused again. */
export const REFUSED = 77;

/** The uploader's whole life. Resolves with its exit code. */
export async function carryOutUpload(order: UploadOrder): Promise<number> {
  const { endpoint, credentials, owner } = order;
  const writer = new BucketWriter({ endpoint, credentials, owner });
  try {
    for (const { key, body } of order.objects) {
      await writer.put(order.bucket, key, Buffer.from(body), { contentType: 'application/json' });
    }
    return 0;
  } catch (error) {
    const status = statusOf(error) ?? 0;
    return status >= 400 && status < 500 && status !== 408 && status !== 429 ? REFUSED : 1;
  } finally {
    writer.close();
  }
}
