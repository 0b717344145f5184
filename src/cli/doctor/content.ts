import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BucketReader } from '../../aws/read.ts';
import { S3Error } from '../../aws/s3-error.ts';
import { listRole, type RoleListing } from '../../bucket/listing.ts';
import { s3Store } from '../../bucket/s3-store.ts';
import { modeOf, SPEC_PATH } from '../../bucket/snapshot.ts';
import type { Store, StoredObject } from '../../bucket/store.ts';
import { systemClock } from '../../lib/clock.ts';
import { asTrouble } from '../../lib/errors.ts';
import { addressText } from '../../userdata/settings.ts';
import { lintRole } from '../lint.ts';
import { readStart } from '../role-directory.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { type Patient, policyLine } from './patient.ts';

/** More is not fetched to be looked at. */
const MOST_BYTES = 256 * 1024 * 1024;
const LARGE_OBJECT = 1024 * 1024 * 1024;

/** What the prefix holds, read by the agent's own reader and looked at as `haulout lint` does. */
export async function content(patient: Patient): Promise<readonly Finding[]> {
  const { endpoint, bucket, credentials } = patient.role.place;
  const outside = { clock: systemClock, random: Math.random };
  const retry = { attempts: 2 };
  const reader = new BucketReader({ endpoint, bucket, credentials: async () => credentials, retry, ...outside });
  try {
    const store = s3Store(reader, bucket, patient.role.address.prefix);
    const listing = await listRole(store);
    return [sizes(listing, patient), ...(await spec(patient, store, listing))];
  } catch (error) {
    const { subject, reason, hint } = asTrouble(error, 'bucket', addressText(patient.role.address));
    const isForbidden = error instanceof S3Error && error.status === 403;
    return [fail('content', `${subject}: ${reason}`, isForbidden ? policyLine(patient) : hint)];
  } finally {
    reader.close();
  }
}

function sizes({ objects }: RoleListing, { role }: Patient): Finding {
  const [largest] = [...objects].sort((a, b) => b.size - a.size);
  if (!largest)
    return warn('content', 'the prefix is empty', `upload a role: aws s3 sync DIR ${addressText(role.address)}/`);
  const seen = `${objects.length} objects, ${inWords(total(objects))}; the largest is ${largest.key}, ${inWords(largest.size)}`;
  if (largest.size <= LARGE_OBJECT) return ok('content', seen);
  return warn('content', seen, 'each machine fetches it whole, and keeps it: is it in the right place?');
}

async function spec(patient: Patient, store: Store, listing: RoleListing): Promise<readonly Finding[]> {
  if (!listing.objects.some(({ key }) => key === SPEC_PATH)) return [];
  if (total(listing.objects) > MOST_BYTES)
    return [ok('spec', `not looked at: more than ${inWords(MOST_BYTES)}; haulout lint DIR does it before the upload`)];
  const path = await mkdtemp(join(tmpdir(), 'haulout-doctor-'));
  try {
    for (const object of listing.objects) await fetch(store, object, join(path, object.key));
    const bytes = await readStart(join(path, SPEC_PATH), MOST_BYTES);
    const { mistakes, warnings } = await lintRole({ path, role: patient.settings.role, listing, spec: bytes });
    const told = (all: typeof mistakes) =>
      all.map(({ at, what, instead }) => [`${at.file}:${at.line}:${at.column}: ${what}`, instead] as const);
    const found = [
      ...told(mistakes).map((words) => fail('spec', ...words)),
      ...told(warnings).map((words) => warn('spec', ...words)),
    ];
    return found.length > 0 ? found : [ok('spec', 'no mistakes')];
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

async function fetch(store: Store, object: StoredObject, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'wx', modeOf(object.key));
  try {
    await store.read(object, {
      restart: () => file.truncate(0),
      write: async (chunk) => {
        await file.writeFile(chunk);
      },
    });
  } finally {
    await file.close();
  }
}

function total(objects: readonly StoredObject[]): number {
  return objects.reduce((sum, { size }) => sum + size, 0);
}

function inWords(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1_000)} kB` : `${Math.round(bytes / 1_000_000)} MB`;
}
