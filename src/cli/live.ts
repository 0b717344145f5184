import { type DeskConfig, readDeskConfig } from '../aws/desk-config.ts';
import { type Endpoint, parseBucketAddress } from '../aws/location.ts';
import { BucketWriter } from '../aws/write.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { HauloutError } from '../lib/errors.ts';
import { INSTANCE_ID } from '../metadata/shapes.ts';
import type { Machine } from './plan-facts.ts';
import { sdkTrouble } from './sdk-trouble.ts';

export interface EndpointOptions {
  readonly endpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
}

export interface LiveOptions extends EndpointOptions {
  readonly state?: string;
}

const LARGEST = 32 * 1024 * 1024;

/** The facts that a live instance wrote at its last sync that changed anything: `<state>/facts/<role>/<id>.json`. */
export async function readLive(role: string, id: string, options: LiveOptions): Promise<Machine & { ledger: Ledger }> {
  if (!INSTANCE_ID.test(id)) throw usage(id, 'this is not an instance id', 'write --against i-0123456789abcdef0');
  const state = parseBucketAddress(options.state ?? '');
  if (!state) throw usage('--state', 'it says where instances write', 'add --state s3://bucket/.haulout');
  const writer = new BucketWriter({
    endpoint: await endpointOf(options),
    ...(options.profile ? { profile: options.profile } : {}),
  });
  const key = `${state.prefix === '' ? '' : `${state.prefix}/`}facts/${role}/${id}.json`;
  try {
    const bytes = await writer.get(state.bucket, key, LARGEST);
    const value: unknown = JSON.parse(Buffer.from(bytes ?? new Uint8Array()).toString('utf8'));
    if (isLive(value)) return value;
  } catch (error) {
    throw sdkTrouble(error) ?? notThere(`s3://${state.bucket}/${key}`, role, error);
  } finally {
    writer.close();
  }
  throw notThere(`s3://${state.bucket}/${key}`, role, undefined);
}

/** Where flags, variables of the AWS CLI and its configuration say that the store is, in this order. */
export async function saidEndpoint(options: EndpointOptions): Promise<DeskConfig> {
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const configured = await readDeskConfig('s3', options.profile);
  return {
    url: options.endpointUrl ?? AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL ?? configured.url,
    region: options.region ?? AWS_REGION ?? AWS_DEFAULT_REGION ?? configured.region,
  };
}

export async function endpointOf(options: EndpointOptions): Promise<Endpoint> {
  const { url, region } = await saidEndpoint(options);
  return { url, region: region ?? 'us-east-1' };
}

/** Written by a host, so read as anybody's: the parts that are used are there, whatever they say. */
function isLive(value: unknown): value is Machine & { ledger: Ledger } {
  if (typeof value !== 'object' || value === null) return false;
  const { schema, identity, facts, ledger } = value as Record<string, Record<string, unknown> | number>;
  if (schema !== 1 || typeof identity !== 'object' || typeof facts !== 'object' || typeof ledger !== 'object')
    return false;
  const maps = [facts['packages'], facts['files'], facts['services'], ledger['subjects'], identity['tags']];
  return maps.every((map) => typeof map === 'object' && map !== null);
}

function usage(subject: string, reason: string, hint: string): HauloutError {
  return new HauloutError({ code: 'usage', step: 'plan', subject, reason, hint });
}

function notThere(subject: string, role: string, cause: unknown): HauloutError {
  return new HauloutError(
    {
      code: 'facts-missing',
      step: 'bucket',
      subject,
      reason: 'the facts of this instance cannot be read',
      hint: `is the id right, is its role called ${role} as the directory is, and is --state where it writes?`,
    },
    cause,
  );
}
