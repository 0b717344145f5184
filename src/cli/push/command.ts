import { parseBucketAddress } from '../../aws/location.ts';
import { BucketWriter } from '../../aws/write.ts';
import { listRole } from '../../bucket/listing.ts';
import { s3Store } from '../../bucket/s3-store.ts';
import { systemClock } from '../../lib/clock.ts';
import { HauloutError } from '../../lib/errors.ts';
import { formatMistakes } from '../../spec/format.ts';
import { addressText } from '../../userdata/settings.ts';
import { settingsFrom } from '../desk-settings.ts';
import { lostExecBits } from '../exec-bits.ts';
import { atDesk, openReader, placeOf } from '../fleet/place.ts';
import { durationOf } from '../launch/durations.ts';
import { lintRole, specOf } from '../lint.ts';
import { endpointOf } from '../live.ts';
import { lostLinks } from '../lost-links.ts';
import { type RoleDirectory, readRoleDirectory } from '../role-directory.ts';
import { paint, say } from '../talk.ts';
import { contentAfter, contentDigest } from './content-digest.ts';
import { differences } from './differences.ts';
import { planFor } from './plan.ts';
import { done, progress, tellDifferences } from './tell.ts';
import { carryOut, localFiles } from './upload.ts';
import { wake } from './wake.ts';
import { watchFollowers } from './watch.ts';

export interface PushOptions {
  readonly plan?: boolean;
  readonly delete?: boolean;
  readonly watch: boolean;
  readonly timeout: string;
  readonly role?: string;
  readonly state?: string;
  readonly endpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
  readonly json?: boolean;
}

const NO_AGENT = '0'.repeat(64);

/**
 * `haulout push DIR s3://bucket/prefix`: what differs is uploaded, the spec last; then every instance of the role is watched until it has
 * followed. 0, or 1 when one did not.
 */
export async function push(directory: string, bucket: string, options: PushOptions): Promise<number> {
  const timeoutMs = durationOf('push', '--timeout', options.timeout);
  const role = await readRoleDirectory(directory);
  await refuseMistakes(role);
  const settings = await settingsFrom(bucket, NO_AGENT, options);
  const to = parseBucketAddress(bucket)!;
  const reader = await openReader(to.bucket, options);
  const place = placeOf(settings.state, settings.role, await openReader(settings.state.bucket, options));
  const store = s3Store(reader, to.bucket, to.prefix);
  const writer = new BucketWriter({
    endpoint: await endpointOf(options),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
  });
  try {
    const local = await localFiles(role);
    const { objects } = await atDesk(to.bucket, () => listRole(store));
    const found = differences(local, objects);
    tellDifferences(found, options);
    if (options.plan) {
      const left = options.delete ? [] : objects.filter(({ key }) => found.extra.includes(key));
      const snapshot = await contentAfter(store, local, left);
      // What a template says of the role is what its machines are told, whatever the directory is called.
      return await planFor({ ...role, role: settings.role }, snapshot, place, options);
    }
    await carryOut(writer, to, role, found, { remove: options.delete === true, told: progress(found.upload.length) });
    const digest = await contentDigest(store, local);
    const since = reader.serverDate ?? Date.now();
    await wake(writer, settings.state, settings.role, new Date());
    say(`${addressText(to)}: content ${paint.bold(digest.slice(0, 12))}`);
    const told = { found, digest, state: place.text };
    if (!options.watch) return done(told, undefined, options);
    const watched = await watchFollowers(
      place,
      { digest, since },
      { clock: systemClock, timeoutMs, say: (w) => say(w) },
    );
    return done(told, watched, options);
  } finally {
    writer.close();
    place.reader.close();
    reader.close();
  }
}

/** Better here than on every machine. */
async function refuseMistakes(role: RoleDirectory): Promise<void> {
  const { mistakes } = await lintRole(role);
  const read = mistakes.length === 0 ? await specOf(role) : { mistakes };
  const wrong =
    'mistakes' in read ? read.mistakes : [...(await lostLinks(role)), ...(await lostExecBits(role, read.spec))];
  if (wrong.length === 0) return;
  process.stderr.write(formatMistakes(wrong));
  throw new HauloutError({
    code: 'bad-configuration',
    step: 'push',
    subject: role.path,
    reason: `it has ${wrong.length === 1 ? 'a mistake' : `${wrong.length} mistakes`}, and nothing was uploaded`,
    hint: 'mend what is listed above, then run it again',
  });
}
