import { ask, type Place, type Question, type Said } from '../../aws/ask.ts';
import { type DeskCredentials, findDeskCredentials } from '../../aws/desk-credentials.ts';
import type { BucketAddress, Endpoint } from '../../aws/location.ts';
import { errorCode } from '../../lib/errors.ts';
import { addressText, type Settings } from '../../userdata/settings.ts';

export interface Asked {
  readonly settings: Settings;
  readonly endpoint: Endpoint;
  readonly profile: string | undefined;
  /** The account that should own the bucket, twelve digits. */
  readonly owner: string | undefined;
}

/** What the first question to the bucket brought: an answer, or the code of what came instead. */
export type First = Said | { readonly unreachable: string };

/** A bucket, as checks see it. */
export interface Patient extends Asked {
  readonly found: DeskCredentials | undefined;
  readonly first: First;
  /** The region in which the bucket turned out to be, where that was another one. */
  readonly moved: string | undefined;
  /** The prefix of the role. */
  readonly role: Prefix;
  /** Where instances write; mostly in the same bucket. */
  readonly state: Prefix;
}

export interface Prefix {
  readonly address: BucketAddress;
  readonly place: Place;
  /** A key below it. */
  key(path: string): string;
  /** Signed with what was found, or with nothing. */
  ask(question: Question): Promise<Said>;
  anonymously(question: Question): Promise<Said>;
}

/** Looks for credentials and asks the bucket once; once more in another region when it names one. */
export async function meet(asked: Asked): Promise<Patient> {
  const found = await findDeskCredentials(asked.profile);
  const { bucket } = asked.settings;
  let place: Place = { endpoint: asked.endpoint, bucket: bucket.bucket, credentials: found?.credentials };
  let first = await knock(place, bucket);
  const moved = regionOf(first, asked.endpoint);
  if (moved !== undefined) {
    place = { ...place, endpoint: { ...asked.endpoint, region: moved } };
    first = await knock(place, bucket);
  }
  return {
    ...asked,
    endpoint: place.endpoint,
    found,
    first,
    moved,
    role: prefixAt(bucket, place),
    state: prefixAt(asked.settings.state, place),
  };
}

function prefixAt(address: BucketAddress, { endpoint, credentials }: Place): Prefix {
  const place = { endpoint, credentials, bucket: address.bucket };
  return {
    address,
    place,
    key: (path) => (address.prefix === '' ? path : `${address.prefix}/${path}`),
    ask: (question) => ask(place, question),
    anonymously: (question) => ask({ ...place, credentials: undefined }, question),
  };
}

export function listing(prefix: string, more: Question['query'] = []): Question {
  return { method: 'GET', key: '', query: [['list-type', '2'], ['prefix', prefix], ...more] };
}

/** What gets the rights whose lack was met: keys, where there are none, else the policy that a command prints. */
export function policyLine({ found, settings: { bucket } }: Patient): string {
  if (!found) return 'give credentials first: this was asked without a signature';
  return `give these keys the policy of: haulout doctor --policy desk ${addressText(bucket)}`;
}

async function knock(place: Place, { prefix }: BucketAddress): Promise<First> {
  const question = listing(prefix === '' ? '' : `${prefix}/`, [
    ['delimiter', '/'],
    ['max-keys', '1'],
  ]);
  try {
    return await ask(place, question);
  } catch (error) {
    return { unreachable: errorCode(error) ?? 'the connection broke' };
  }
}

/** Amazon says it in a header, with 301, 307 or 400: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html */
function regionOf(first: First, endpoint: Endpoint): string | undefined {
  if ('unreachable' in first || first.status < 300 || first.status === 404) return undefined;
  const named = first.headers['x-amz-bucket-region'];
  const valid = typeof named === 'string' && /^[a-z0-9][a-z0-9-]{0,62}$/.test(named);
  return valid && named !== endpoint.region ? named : undefined;
}
