import type { BucketAddress } from '../aws/location.ts';

/**
 * What the operator said at launch: the `HAULOUT_*` lines at the top of user-data. The names are final (DESIGN §4).
 * No secret is ever among them: user-data is readable by every process on the instance.
 */
export interface Settings {
  /** HAULOUT_BUCKET=s3://bucket/prefix */
  readonly bucket: BucketAddress;
  /** HAULOUT_ENDPOINT: absolute URL, or undefined for Amazon's own. */
  readonly endpoint: string | undefined;
  /** HAULOUT_REGION, or undefined: the instance's own. */
  readonly region: string | undefined;
  /** HAULOUT_ANONYMOUS=true: read without signing. */
  readonly anonymous: boolean;
  /** HAULOUT_ROLE; default: last part of the prefix, else the bucket. */
  readonly role: string;
  /** HAULOUT_STATE=s3://bucket/prefix; default s3://<bucket>/.haulout */
  readonly state: BucketAddress;
  /** HAULOUT_SETTLE: how long the bucket must be quiet before a snapshot is taken. */
  readonly settleMs: number;
  /** HAULOUT_AGENT: lower-case hex sha256 of the agent bundle at <state>/agent/<sha256>. */
  readonly agent: string;
}
