import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseBucketAddress } from '../../aws/location.ts';
import { HauloutError } from '../../lib/errors.ts';

/** As commander reads them. */
export interface CloudFlags {
  readonly bucket?: readonly string[];
  readonly mirror?: readonly string[];
  readonly s3Port?: string;
  readonly ec2Port?: string;
  readonly addressPorts: string;
  readonly region: string;
  readonly json?: boolean;
}

export interface MirroredDirectory {
  readonly directory: string;
  readonly bucket: string;
  readonly prefix: string;
}

/** What the flags mean, checked. */
export interface CloudOptions {
  readonly buckets: readonly string[];
  readonly mirrors: readonly MirroredDirectory[];
  /** 0: a free one. */
  readonly s3Port: number;
  readonly ec2Port: number;
  readonly addressPorts: readonly number[];
  readonly region: string;
  readonly json: boolean;
}

/** As S3 takes them: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const REGION = /^[a-z0-9-]{1,32}$/;

export async function readOptions(flags: CloudFlags): Promise<CloudOptions> {
  const mirrors: MirroredDirectory[] = [];
  for (const word of flags.mirror ?? []) mirrors.push(await readMirror(word));
  const buckets = flags.bucket ?? [];
  for (const name of buckets) if (!BUCKET.test(name)) throw notABucket('--bucket', name);
  if (!REGION.test(flags.region)) throw usage('--region', 'this is no region', 'write one such as eu-west-1');
  return {
    buckets,
    mirrors,
    s3Port: readPort('--s3-port', flags.s3Port ?? '0', 0),
    ec2Port: readPort('--ec2-port', flags.ec2Port ?? '0', 0),
    addressPorts: flags.addressPorts.split(',').map((word) => readPort('--address-ports', word.trim(), 1)),
    region: flags.region,
    json: flags.json === true,
  };
}

/** `DIR=s3://bucket/prefix`. A directory's name may have equals signs. */
async function readMirror(word: string): Promise<MirroredDirectory> {
  const at = word.lastIndexOf('=s3://');
  const address = at < 0 ? undefined : parseBucketAddress(word.slice(at + 1));
  if (!address) {
    throw usage('--mirror', `${word} does not say what goes where`, 'write --mirror planet=s3://bucket/planet');
  }
  if (!BUCKET.test(address.bucket)) throw notABucket('--mirror', address.bucket);
  const directory = resolve(word.slice(0, at));
  const found = await stat(directory).catch(() => undefined);
  if (!found?.isDirectory()) throw usage('--mirror', `${directory} is no directory`, 'name one that is there');
  return { directory, bucket: address.bucket, prefix: address.prefix };
}

function readPort(flag: string, word: string, least: number): number {
  const port = /^\d{1,5}$/.test(word) ? Number(word) : -1;
  if (port >= least && port <= 65_535) return port;
  throw usage(flag, `${word === '' ? 'this' : word} is no port`, 'write 1 to 65535');
}

function notABucket(flag: string, name: string): HauloutError {
  return usage(flag, `S3 takes no bucket of the name ${name}`, 'write 3 to 63 small letters, digits, dots and hyphens');
}

function usage(subject: string, reason: string, hint: string): HauloutError {
  return new HauloutError({ code: 'usage', step: 'cloud', subject, reason, hint });
}
