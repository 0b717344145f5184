import type { S3Key } from './authenticate.ts';
import type { Elsewhere } from './elsewhere.ts';
import type { RequestLogEntry } from './exchange.ts';
import type { Faults } from './faults.ts';

export interface S3Options {
  readonly region: string;
  readonly keys: ReadonlyMap<string, S3Key> | ((accessKeyId: string) => S3Key | undefined);
  /** Made when it is missing. The contents stand in a directory of their own in it, which `close` removes. */
  readonly dataDirectory: string;
  /** Whether requests without a signature may read and list. Default false. */
  readonly anonymousRead?: boolean;
  /** Whether requests without a signature may do everything else to objects. Default false. */
  readonly anonymousWrite?: boolean;
  /** Twelve digits; what x-amz-expected-bucket-owner is compared with. */
  readonly accountId?: string;
  readonly onRequest?: (entry: RequestLogEntry) => void;
  readonly now?: () => number;
  /** What follows `bucket.` in a Host header of virtual-host style. Default: `localhost` and `s3.<region>.haulout`. */
  readonly virtualHosts?: readonly string[];
  /** For one request's body. Default 5 GiB, which is S3's own limit for one PUT. */
  readonly maxBodyBytes?: number;
  readonly faults?: Faults;
  /** `v1-only`: the words of ListObjectsV2 are not heard, as by the Walrus of Eucalyptus 4. */
  readonly listing?: 'v1-only';
  /** Most entries of one page of a listing. Default 1,000, as in S3. */
  readonly pageKeys?: number;
  /** Buckets that are in another region: requests for them get 301 PermanentRedirect. */
  readonly elsewhere?: ReadonlyMap<string, Elsewhere>;
  /** `bare`: If-Match holds only without quotes, as by Walrus. */
  readonly ifMatch?: 'bare';
  /** What becomes of conditions on writes, where not what S3 does. */
  readonly conditionalWrites?: 'ignored' | 'refused';
  /** What stands before the bucket in every path, such as `/services/Walrus`. Default: nothing. */
  readonly basePath?: string;
}
