import { type DeskCredentials, findDeskCredentials } from '../../aws/desk-credentials.ts';
import { type BucketAddress, parseBucketAddress } from '../../aws/location.ts';
import { BucketReader } from '../../aws/read.ts';
import { S3Error } from '../../aws/s3-error.ts';
import { systemClock } from '../../lib/clock.ts';
import { HauloutError } from '../../lib/errors.ts';
import { addressText, ROLE_NAME } from '../../userdata/settings.ts';
import { endpointOf } from '../live.ts';

export interface PlaceOptions {
  readonly role?: string;
  readonly endpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
}

/** Where a fleet writes, and what reads it. */
export interface Place {
  readonly state: BucketAddress;
  /** `s3://bucket/.haulout` */
  readonly text: string;
  /** Only this one is looked at. */
  readonly role: string | undefined;
  readonly reader: BucketReader;
  /** Of what is below it: `instances/`. */
  key(path: string): string;
}

/** Statuses are small, and the way to the store is what takes the time. */
export const AT_ONCE = 32;
/** Keys that end sooner than this are looked for anew. */
const SPARE_MS = 60_000;

/**
 * `s3://bucket` means the state of that bucket, `.haulout` in it. With a prefix it is a state when it looks like one (its name begins
 * with a dot, or machines have written there); else it is a role's prefix, as everywhere: that role, in the state of its bucket.
 */
export async function openPlace(address: string, options: PlaceOptions): Promise<Place> {
  const given = parseBucketAddress(address);
  if (!given) throw usage(address, 'this is not an s3 address', 'write s3://bucket/.haulout, or s3://bucket/ROLE');
  const { role } = options;
  if (role !== undefined && !ROLE_NAME.test(role))
    throw usage('--role', 'this is not the name of a role', 'write --role NAME');
  const reader = await openReader(given.bucket, options);
  try {
    const meant = await atDesk(given.bucket, () => meantBy(reader, given));
    return placeOf(meant.state, role ?? meant.role, reader);
  } catch (error) {
    reader.close();
    throw error;
  }
}

/** A state that is known to be one: nothing is asked. */
export function placeOf(state: BucketAddress, role: string | undefined, reader: BucketReader): Place {
  const base = state.prefix === '' ? '' : `${state.prefix}/`;
  return { state, text: addressText(state), role, reader, key: (path) => base + path };
}

export async function openReader(
  bucket: string,
  options: PlaceOptions & { readonly owner?: string | undefined },
): Promise<BucketReader> {
  let found = await findDeskCredentials(options.profile);
  const credentials = async (fresh: boolean) => {
    if (fresh || endsSoon(found)) found = await findDeskCredentials(options.profile);
    return found?.credentials;
  };
  const outside = { clock: systemClock, random: Math.random };
  const { owner } = options;
  return new BucketReader({
    endpoint: await endpointOf(options),
    bucket,
    owner,
    credentials,
    connections: AT_ONCE,
    ...outside,
  });
}

function endsSoon(found: DeskCredentials | undefined): boolean {
  const { expiresAt } = found?.credentials ?? {};
  return expiresAt !== undefined && expiresAt < Date.now() + SPARE_MS;
}

async function meantBy(
  reader: BucketReader,
  given: BucketAddress,
): Promise<{ readonly state: BucketAddress; readonly role: string | undefined }> {
  const state = { bucket: given.bucket, prefix: '.haulout' };
  if (given.prefix === '') return { state, role: undefined };
  const name = given.prefix.split('/').pop() ?? '';
  if (name.startsWith('.')) return { state: given, role: undefined };
  const { prefixes } = await reader.list(`${given.prefix}/instances/`, '/');
  return prefixes.length > 0 ? { state: given, role: undefined } : { state, role: name };
}

/** What the store refuses, or that it does not answer, in the words of the desk: hints of the reading path are for a machine. */
export async function atDesk<T>(bucket: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const isStores = error instanceof S3Error || (error instanceof HauloutError && error.code === 'store-unreachable');
    if (!isStores) throw error;
    const { code, step, subject, reason } = error;
    const hint = `ask the doctor, who looks from here: haulout doctor s3://${bucket}/ROLE`;
    throw new HauloutError({ code, step, subject, reason, hint }, error);
  }
}

export function usage(subject: string, reason: string, hint: string): HauloutError {
  return new HauloutError({ code: 'usage', step: 'fleet', subject, reason, hint });
}
