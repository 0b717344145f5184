import { randomUUID } from 'node:crypto';
import { Ec2, type LaunchWish } from '../../aws/ec2.ts';
import type { InstanceLike } from '../../aws/ec2-answers.ts';
import { BucketWriter } from '../../aws/write.ts';
import { systemClock } from '../../lib/clock.ts';
import { formatDuration } from '../../lib/duration.ts';
import { HauloutError, type Trouble } from '../../lib/errors.ts';
import { EXIT } from '../../lib/exit.ts';
import { EC2_LIMIT } from '../../userdata/platforms.ts';
import { addressText, type Settings } from '../../userdata/settings.ts';
import { openReader } from '../fleet/place.ts';
import { endpointOf } from '../live.ts';
import { data, paint, say } from '../talk.ts';
import { makeUserdata, type UserdataOptions } from '../userdata.ts';
import { durationOf } from './durations.ts';
import { type Ec2Flags, ec2OptionsOf } from './ec2-options.ts';
import { launchOnce } from './launch-once.ts';
import { TOKEN, wishDigest } from './launch-record.ts';
import { LaunchRecords } from './launch-records.ts';
import { forget, type LaunchWorld } from './launch-world.ts';
import { settleLeftovers } from './leftovers.ts';
import { Statuses } from './statuses.ts';
import { readUserData, settingsIn } from './user-data.ts';
import { type Boot, watchBoot } from './watch-boot.ts';

export interface LaunchOptions extends UserdataOptions, Ec2Flags {
  readonly userData?: string;
  readonly launchTemplate?: string;
  readonly imageId?: string;
  readonly instanceType?: string;
  readonly keyName?: string;
  readonly securityGroupIds?: readonly string[];
  readonly subnetId?: string;
  readonly iamInstanceProfile?: string;
  readonly tag?: readonly string[];
  readonly count: string;
  readonly clientToken?: string;
  readonly hold: string;
  readonly timeout: string;
  /** commander's name for --no-wait. */
  readonly wait: boolean;
}

/**
 * `haulout launch s3://bucket/prefix`: user-data made and measured, instances launched under a token of our own, and their boot
 * told as it goes. What an earlier run that was cut off has launched is gone on with, and nothing is launched twice.
 */
export async function launch(bucket: string, options: LaunchOptions): Promise<number> {
  const count = countOf(options.count);
  const expected = {
    holdMs: durationOf('launch', '--hold', options.hold),
    timeoutMs: durationOf('launch', '--timeout', options.timeout),
  };
  const given = tagsOf(options.tag ?? []);
  const like = likeOf(options); // what is wrong with the words is said before anything is uploaded
  const givenToken = tokenOf(options.clientToken);
  const { bytes, settings } = await userDataFor(bucket, options);
  const { role, owner } = settings;
  const state = addressText(settings.state);
  const wish: Omit<LaunchWish, 'token'> = {
    count,
    like,
    template: options.launchTemplate,
    userData: bytes,
    tags: { Name: role, 'haulout:role': role, 'haulout:state': state, ...given },
  };
  const { region, ...place } = await ec2OptionsOf(options);
  const ec2 = new Ec2({ region, ...place });
  const writer = new BucketWriter({
    endpoint: await endpointOf(options),
    owner,
    ...(options.profile === undefined ? {} : { profile: options.profile }),
  });
  const reader = await openReader(settings.state.bucket, { ...options, owner });
  const records = new LaunchRecords(writer, reader, settings.state, role);
  const world: LaunchWorld = { ec2, records, clock: systemClock, region, state, say: (words) => say(words) };
  try {
    const { token, ids } = await launched(world, role, wish, givenToken);
    if (!options.wait)
      return told(
        ids.map((id) => ({ id, boot: undefined })),
        options,
        token,
      );
    say(`they boot on if this is cut off: haulout fleet ${state}, or watch them again with --client-token ${token}`);
    const statuses = new Statuses(writer, settings.state);
    const boots = await Promise.all(
      ids.map(async (id) => ({ id, boot: await watchBoot({ ...world, statuses }, { id, role, ...expected }) })),
    );
    return told(boots, options, token);
  } finally {
    reader.close();
    writer.close();
    ec2.close();
  }
}

/** What now stands in EC2 for this wish: of a launch that was cut off, or launched now. */
async function launched(
  world: LaunchWorld,
  role: string,
  wish: Omit<LaunchWish, 'token'>,
  given: string | undefined,
): Promise<{ readonly token: string; readonly ids: readonly string[] }> {
  // Who names a token says which launch is meant.
  const cutOff = given === undefined ? await settleLeftovers(world, wishDigest(wish)) : undefined;
  const token = given ?? cutOff?.token ?? randomUUID();
  if (!cutOff?.ids) return { token, ids: await launchOnce(world, role, { ...wish, token }) };
  await forget(world, token);
  return { token, ids: cutOff.ids };
}

async function userDataFor(bucket: string, options: LaunchOptions): Promise<{ bytes: Uint8Array; settings: Settings }> {
  if (options.userData === undefined) {
    const made = await makeUserdata(bucket, options);
    say(`runtime: ${made.runtime}`); // an image without a Node is found out here, and not after minutes of a boot
    return made;
  }
  const bytes = await readUserData(options.userData, 'launch');
  if (bytes.length > EC2_LIMIT)
    throw usage(options.userData, `${bytes.length} bytes are more than EC2 takes (${EC2_LIMIT})`, 'use --format gzip');
  const settings = settingsIn(bytes);
  if (settings) return { bytes, settings };
  throw usage(options.userData, 'this is not what `haulout userdata` prints', 'make it anew, or leave out --user-data');
}

function likeOf(options: LaunchOptions): Partial<InstanceLike> {
  const { imageId, instanceType, keyName, securityGroupIds, subnetId, iamInstanceProfile: profile } = options;
  if (imageId === undefined && options.launchTemplate === undefined)
    throw usage('--image-id', 'nothing says what to launch', 'add --image-id ami-..., or --launch-template NAME');
  // With a template these are its own business, but for what is said here.
  const metadata = options.launchTemplate === undefined ? { metadata: METADATA } : {};
  const said = { imageId, instanceType, keyName, securityGroupIds, subnetId, profile };
  return { ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)), ...metadata };
}

/** Tokens required; one hop; tags readable, because templates may use them. */
const METADATA = { tokens: 'required', hopLimit: 1, tags: 'enabled' } as const;

function tagsOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw usage('--tag', 'this is no tag', 'write --tag KEY=VALUE');
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/** It becomes a part of a key too. */
function tokenOf(text: string | undefined): string | undefined {
  if (text === undefined || TOKEN.test(text)) return text;
  throw usage('--client-token', 'EC2 takes no such token', 'write up to 64 letters, digits and signs, or leave it out');
}

function countOf(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw usage('--count', 'this is no number of instances', 'write --count 3');
}

interface Launched {
  readonly id: string;
  /** Undefined: not waited for. */
  readonly boot: Boot | undefined;
}

function told(launched: readonly Launched[], { json }: LaunchOptions, token: string): number {
  for (const { id, boot } of launched) {
    if (!boot) continue;
    if (boot.ok) say(paint.green(`${id}: healthy after ${formatDuration(boot.ms)}`));
    else say(paint.red(troubleWords(id, boot.trouble)), `next: ${boot.trouble.hint}`);
  }
  if (json)
    data({
      schema: 1,
      token,
      instances: launched.map(({ id, boot }) => ({
        id,
        ...(boot ? { healthy: boot.ok } : {}),
        ...(boot && !boot.ok ? { trouble: boot.trouble } : {}),
      })),
    });
  else for (const { id } of launched) process.stdout.write(`${id}\n`);
  return launched.every(({ boot }) => boot === undefined || boot.ok) ? EXIT.done : EXIT.failed;
}

function troubleWords(id: string, { subject, reason }: Trouble): string {
  return subject === id ? `${id}: ${reason}` : `${id}: ${subject}: ${reason}`;
}

function usage(subject: string, reason: string, hint: string): HauloutError {
  return new HauloutError({ code: 'usage', step: 'launch', subject, reason, hint });
}
