import { Ec2 } from '../../aws/ec2.ts';
import type { Instance } from '../../aws/ec2-answers.ts';
import { type BucketAddress, parseBucketAddress } from '../../aws/location.ts';
import { BucketWriter } from '../../aws/write.ts';
import { systemClock } from '../../lib/clock.ts';
import { HauloutError } from '../../lib/errors.ts';
import { EXIT } from '../../lib/exit.ts';
import { INSTANCE_ID } from '../../metadata/shapes.ts';
import { addressText } from '../../userdata/settings.ts';
import { durationOf } from '../launch/durations.ts';
import { ec2OptionsOf } from '../launch/ec2-options.ts';
import { Statuses } from '../launch/statuses.ts';
import { readUserData, settingsIn } from '../launch/user-data.ts';
import { endpointOf } from '../live.ts';
import { data, paint, say } from '../talk.ts';
import { begin, type SwapWish } from './begin.ts';
import { Journal } from './journal.ts';
import { isOver, type Operation } from './operation.ts';
import { checkProbe, probeThrough } from './probe.ts';
import { carryOn } from './run.ts';
import type { Next } from './steps.ts';

export interface SwapOptions {
  readonly address?: string;
  readonly probe?: string;
  readonly prove?: string;
  readonly imageId?: string;
  readonly instanceType?: string;
  readonly userData?: string;
  readonly hold: string;
  readonly timeout: string;
  readonly back?: boolean;
  readonly dryRun?: boolean;
  readonly state?: string;
  readonly role?: string;
  readonly endpointUrl?: string;
  readonly ec2EndpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
  readonly json?: boolean;
}

/** `haulout swap OLD`: another instance in its place, and its address with it. Run again it goes on where it was killed. */
export async function swap(old: string, options: SwapOptions): Promise<number> {
  return await exchange(old, options, options.address);
}

/** `haulout replace OLD`: the same where no address is to be moved; the old instance may be dead. */
export async function replace(old: string, options: SwapOptions): Promise<number> {
  return await exchange(old, options, 'none');
}

async function exchange(old: string, options: SwapOptions, address: string | undefined): Promise<number> {
  if (!INSTANCE_ID.test(old)) throw usage(old, 'this is not an instance id', 'write i-0123456789abcdef0');
  const wish = await wishOf(options, address);
  const ec2 = new Ec2(await ec2OptionsOf(options));
  const { state, role, writer } = await stateOf(ec2, old, options);
  const journal = new Journal(writer, state, old, systemClock);
  const tell = (words: string) => say(words);
  try {
    const found = await journal.open(tell);
    if (options.back) refuseBack(found);
    if (found && isOver(found)) return report(found, addressText(state), options);
    const from = found
      ? await resumed(ec2, found, options, tell)
      : await begin(ec2, await known(ec2, old), role, wish, new Date());
    if (options.dryRun) return plan(from, options);
    const statuses = new Statuses(writer, state);
    const world = { ec2, statuses, clock: systemClock, say: tell, probe: probeThrough };
    return report(await carryOn(world, journal, from), addressText(state), options);
  } finally {
    journal.close();
    writer.close();
    ec2.close();
  }
}

async function wishOf(options: SwapOptions, address: string | undefined): Promise<SwapWish> {
  const { probe, imageId, instanceType } = options;
  if (probe !== undefined && probe !== 'none') checkProbe(probe);
  return {
    address,
    probe,
    imageId,
    instanceType,
    userData: options.userData === undefined ? undefined : await readUserData(options.userData, 'swap'),
    holdMs: durationOf('swap', '--hold', options.hold),
    timeoutMs: durationOf('swap', '--timeout', options.timeout),
    proveMs: durationOf('swap', '--prove', options.prove ?? '60s'),
  };
}

/** Where the role writes stands in the old instance's own user-data; flags go over it. */
async function stateOf(
  ec2: Ec2,
  old: string,
  options: SwapOptions,
): Promise<{ state: BucketAddress; role: string; writer: BucketWriter }> {
  const given = parseBucketAddress(options.state ?? '');
  if (options.state !== undefined && !given)
    throw usage('--state', 'this is no address', 'write --state s3://bucket/.haulout');
  const userData = given && options.role ? undefined : await ec2.userData(old);
  const settings = userData && settingsIn(userData);
  const state = given ?? settings?.state;
  const role = options.role ?? settings?.role;
  if (!state || !role)
    throw usage(
      old,
      'it has no user-data of ours (any more), so nothing says where it writes its status',
      'say it: --state s3://bucket/.haulout --role NAME',
    );
  const endpoint = await endpointOf(options);
  const place = {
    url: endpoint.url ?? settings?.endpoint,
    region: options.region ?? settings?.region ?? endpoint.region,
  };
  const writer = new BucketWriter({
    endpoint: place,
    owner: settings?.owner,
    ...(options.profile === undefined ? {} : { profile: options.profile }),
  });
  return { state, role, writer };
}

function refuseBack(found: Operation | undefined): void {
  if (!found) throw usage('--back', 'no swap of it is under way', 'leave out --back to begin one');
  if (found.step === 'retire' || found.step === 'done')
    throw usage('--back', 'the old instance has been told to end', 'leave out --back: it goes on');
}

async function resumed(
  ec2: Ec2,
  { owner: _, ...found }: Operation,
  options: SwapOptions,
  tell: (words: string) => void,
): Promise<Next> {
  tell(`goes on where it was: ${found.step}${found.fresh === undefined ? '' : `, new instance ${found.fresh}`}`);
  if (!options.back) {
    refuseOthers(found, options);
    return { ...found, ...(options.probe === undefined ? {} : { probe: options.probe }) };
  }
  // Cut off in the launch: whether there is an instance only EC2 knows.
  const fresh = found.fresh ?? (await ec2.launchedUnder(found.token))[0]?.id;
  return { ...found, ...(fresh === undefined ? {} : { fresh }), step: 'back' };
}

/** What another instance would have been launched with, or another address moved: it is not what goes on here. */
function refuseOthers({ like, address }: Next, options: SwapOptions): void {
  const moved = [address?.publicIp, address?.allocationId];
  const words: readonly (readonly [flag: string, asked: string | undefined, begun: readonly (string | undefined)[]])[] =
    [
      ['--image-id', options.imageId, [like.imageId]],
      ['--instance-type', options.instanceType, [like.instanceType]],
      ['--address', options.address, moved],
    ];
  for (const [flag, asked, begun] of words)
    if (asked !== undefined && !begun.includes(asked))
      throw usage(flag, 'this swap was begun with another', 'leave it out and it goes on, or go back first: --back');
}

async function known(ec2: Ec2, id: string): Promise<Instance> {
  const found = await ec2.find(id);
  if (found) return found;
  throw new HauloutError({
    code: 'instance-unknown',
    step: 'swap',
    subject: id,
    reason: 'EC2 does not know this instance (or not any more)',
    hint: 'check --region; launch another with `haulout launch`',
  });
}

function plan(next: Next, { json }: SwapOptions): number {
  const { userData: _, ...shown } = next;
  if (json) data({ ...shown, dryRun: true });
  else
    say(
      `would launch ${next.like.imageId ?? 'its template'} (${next.like.instanceType ?? 'as it says'}) like ${next.old}`,
      next.address ? `would move ${next.address.publicIp} to it` : 'would move no address',
      `would end ${next.old}`,
    );
  return EXIT.done;
}

function report(operation: Operation, state: string, { json }: SwapOptions): number {
  const { step, old, fresh, address, trouble, startedAt } = operation;
  if (json) data({ schema: 1, step, old, fresh, address: address?.publicIp, startedAt, trouble });
  if (step === 'done') {
    say(
      paint.green(`done: ${fresh} is in the place of ${old}${address ? `, at ${address.publicIp}` : ''}`),
      `next: haulout fleet ${state}`,
    );
    return EXIT.done;
  }
  const what = fresh === undefined ? 'nothing was launched' : `${fresh} has ended`;
  say(
    paint.red(`went back: ${old} is where it was${address ? `, at ${address.publicIp}` : ''}; ${what}`),
    `${trouble?.subject ?? fresh ?? old}: ${trouble?.reason ?? 'it was asked to go back'}`,
    `next: ${trouble?.hint ?? 'run it again when you are ready'}`,
  );
  return EXIT.failed;
}

function usage(subject: string, reason: string, hint: string): HauloutError {
  return new HauloutError({ code: 'usage', step: 'swap', subject, reason, hint });
}
