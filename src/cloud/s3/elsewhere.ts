import { S3Error } from './errors.ts';
import type { S3Request } from './request.ts';

/** Where a bucket is that is not here. */
export interface Elsewhere {
  readonly region: string;
  /** `http://host:port`; default: this very host. */
  readonly location?: string;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingRouting.html */
export function sendElsewhere({ bucket = '', incoming }: S3Request, { region, location }: Elsewhere): never {
  const there = location ?? `http://${incoming.headers.host}`;
  throw new S3Error('PermanentRedirect', {
    fields: { Bucket: bucket, Region: region, Endpoint: new URL(there).host },
    headers: { 'x-amz-bucket-region': region, location: `${there}${incoming.url ?? ''}` },
  });
}
